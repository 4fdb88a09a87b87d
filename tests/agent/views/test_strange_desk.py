"""Whatever the province says, the journal takes it, the lists answer and the counter goes on."""

from typing import Any

import pytest
import sqlcipher3

from agent.figures import orders_shown
from agent.views import lists, standing
from agent.views.search import DossierQuery
from tests.agent.office import Office
from tests.agent.world import PERSON_KEY, chained, desk_event, lease
from wire.problems import Refusal

ASSIGNED = {
    "procedure_code": "1.001193", "version": "1", "channel": "online", "return_channel": "direct",
    "applicant": {"full_name": "Lê Văn An"}, "code": "H26.107-261120-9001", "holder": "office",
}  # fmt: skip
ORDER = {"order": "99/UBND", "title": "Chỉ thị", "from": "2026-11-01T00:00:00+07:00"}
ENDS = [
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00",
]


@pytest.mark.parametrize("at", ENDS)
@pytest.mark.parametrize(
    ("kind", "body", "member"),
    [
        ("dossier.assigned", ASSIGNED, "due_at"),
        ("dossier.assigned", ASSIGNED, "received_at"),
        ("policy.set", ORDER, "from"),
        ("policy.set", ORDER, "until"),
    ],
)
async def test_times_at_the_ends_of_the_calendar(
    office: Office, kind: str, body: dict[str, Any], member: str, at: str
) -> None:
    await told(office, desk_event(kind, body | {member: at}))
    await goes_on(office)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("event.rejected", {"journal": "zz", "seq": 1, "code": "c"}),
        ("event.rejected", {"journal": "6a" * 16, "seq": 2**53 - 1, "code": "c"}),
        ("dossier.progressed", {"dossier": "9" * 400, "state": "resolved"}),
        ("numbers.mapped", {"dossier": "1/1/1", "code": "x"}),
        ("numbers.leased", lease(first_day="0001-01-01", last_day="9999-12-31")),
        ("numbers.leased", lease(prefix="<script>")),
        ("calendar.set", {"days": {"9999-12-31": "off", "0001-01-01": "work"}}),
        ("dossier.received", {}),
        ("something.new", {"deep": [[[[1]]]]}),
    ],
)
async def test_bodies_of_any_shape(office: Office, kind: str, body: dict[str, Any]) -> None:
    await told(office, desk_event(kind, body))
    await goes_on(office)


async def told(office: Office, raw: bytes) -> None:
    before = office.journal.desk_head.seq

    def job(transaction: Any) -> None:
        transaction.append_desk(chained(transaction.desk_head, [raw]))

    await office.journal.write(job)
    assert office.journal.desk_head.seq == before + 1


async def goes_on(office: Office) -> None:
    await office.receive()
    await office.check_in()
    now_ms = office.clock.now_ms()
    page = await office.journal.read(
        lambda connection: lists.dossier_page(connection, DossierQuery(), now_ms, PERSON_KEY)
    )
    assert page.items
    orders_shown(await office.journal.read(standing.orders))


@pytest.mark.parametrize("accident", [OverflowError, AssertionError, AttributeError])
async def test_an_accident_in_a_view_is_a_problem_and_not_the_end(
    office: Office, monkeypatch: pytest.MonkeyPatch, accident: type[Exception]
) -> None:
    def fall(*_: object) -> None:
        raise accident("no view foresaw this")

    with monkeypatch.context() as patched:
        patched.setattr(standing, "keep", fall)
        await told(office, desk_event("policy.set", ORDER))
    await goes_on(office)
    noted = await office.journal.read(
        lambda connection: connection.execute("SELECT code FROM problem").fetchall()
    )
    assert ("projection-failed",) in [tuple(row) for row in noted]


async def test_a_database_that_fails_in_a_view_undoes_the_whole_job(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall(*_: object) -> None:
        raise sqlcipher3.OperationalError("disk I/O error")

    before = office.journal.desk_head
    monkeypatch.setattr(standing, "keep", fall)
    with pytest.raises((sqlcipher3.Error, Refusal)):
        await told(office, desk_event("policy.set", ORDER))
    assert office.journal.desk_head == before
