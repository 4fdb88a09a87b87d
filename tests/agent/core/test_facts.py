"""What a decision asks, answered from the transaction that will record it."""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import TypeVar

import pytest

from agent import facts as asking
from agent.facts import Facts
from agent.journal import Transaction
from records.catalogue import load
from records.events import decode_body
from tests.agent.office import CHECK_IN, Office
from tests.agent.world import START_MS, chained, desk_event, lease
from wire import event
from wire.problems import Refusal

T = TypeVar("T")
DAY = date(2026, 11, 20)


async def ask(office: Office, question: Callable[[Facts], T]) -> T:
    facts = Facts(office.views)
    return await office.journal.write(lambda t: question(facts.at(t)))


async def desk(office: Office, kind: str, body: object) -> None:
    event = desk_event(kind, body)
    await office.journal.write(lambda t: t.append_desk(chained(t.desk_head, [event])))


async def test_a_procedure_is_found_in_its_version_else_in_its_newest(office: Office) -> None:
    old = load().get("1.001193")
    assert old is not None
    body = {"code": old.code, "name": "Tên mới", "field": old.field, "version": "2027-01"}
    await desk(office, "procedure.set", body)
    found = await ask(
        office, lambda f: [f.procedure(old.code, v) for v in (None, old.version, "x")]
    )
    assert [p.name for p in found if p] == ["Tên mới", old.name, "Tên mới"]
    assert await ask(office, lambda f: f.procedure("9.9")) is None


async def test_what_the_desk_brings_counts_in_the_same_transaction(office: Office) -> None:
    facts = Facts(office.views)
    event = desk_event("calendar.set", {"days": {"2026-11-20": "off"}})

    def job(transaction):  # type: ignore[no-untyped-def]
        before = facts.at(transaction).calendar().is_working(DAY)
        transaction.append_desk(chained(transaction.desk_head, [event]))
        return before, facts.at(transaction).calendar().is_working(DAY)

    assert await office.journal.write(job) == (True, False)


async def test_a_serial_of_another_prefix_uses_none_of_ours(office: Office) -> None:
    received = await office.receive()
    await desk(office, "numbers.leased", lease(prefix="H26.107.00"))
    offers = await ask(office, lambda f: [f.number(DAY, "x"), f.number(date(2026, 11, 21), "x")])
    assert [offer.serial for offer in offers if offer] == [2, 1]
    assert received.code == "H26.107-261120-0001"


async def test_a_place_in_the_book_is_taken_once(office: Office) -> None:
    await office.receive()
    taken = await ask(office, lambda f: [f.book_taken(2026, 1, n) for n in (1, 2)])
    assert taken == [True, False]
    assert await ask(office, lambda f: [f.owns_volume(1), f.owns_volume(7)]) == [True, False]


async def test_an_open_dossier_of_the_same_person_is_named_until_it_is_done(office: Office) -> None:
    result = await office.receive()
    asked = ("001184000017", "1.001193")
    assert await ask(office, lambda f: f.open_dossier_of(*asked)) == result.code
    assert await ask(office, lambda f: f.open_dossier_of(asked[0], "1.000001")) is None
    await office.do(type="dossier.withdraw", dossier=result.code, reason="đổi ý")
    assert await ask(office, lambda f: f.open_dossier_of(*asked)) is None


async def test_visits_are_found_by_id_and_by_person(office: Office) -> None:
    result = await office.check_in()
    found = await ask(office, lambda f: f.visit(str(result.id)))
    assert found is not None
    assert found.visit.is_inside
    assert found.seq == 1
    assert await ask(office, lambda f: f.visit("nobody")) is None
    left = await office.do(type="visit.check_out", visit=str(result.id))
    assert left.id == result.id
    again = await ask(office, lambda f: f.visit(str(result.id)))
    assert again is not None
    assert not again.visit.is_inside


async def test_the_order_that_began_last_names_the_temperature(office: Office) -> None:
    def order(name: str, start: str, until: str | None, limit: float | None) -> dict[str, object]:
        span = {"from": f"2026-11-{start}T00:00:00+07:00", "until": until}
        return {"order": name, "title": name, "temperature_max_c": limit, **span}

    assert await ask(office, lambda f: f.temperature_max_c) is None
    await desk(office, "policy.set", order("1", "01", None, 37.8))
    await desk(office, "policy.set", order("2", "10", None, 37.2))
    until = "2026-11-13T00:00:00+07:00"
    await desk(office, "policy.set", order("3", "12", until, 36.0))
    await desk(office, "policy.set", order("4", "15", None, None))
    assert await ask(office, lambda f: f.temperature_max_c) == 37.2
    await desk(office, "policy.revoked", {"order": "2"})
    assert await ask(office, lambda f: f.temperature_max_c) == 37.8
    visitor = CHECK_IN | {"temperature_c": 37.9}
    await office.do(**visitor)


async def test_warnings_that_numbers_run_out_are_worked_out_once_a_minute(office: Office) -> None:
    facts = Facts(office.views)

    async def warned() -> int:
        return len(await office.journal.write(lambda t: facts.at(t).lease_warnings(DAY)))

    assert await warned() == 0
    await desk(office, "numbers.leased", lease(first_day="2026-11-01", last_day="2026-11-02"))
    assert await warned() == 0
    office.clock.advance(61_000)
    assert office.clock.now_ms() > START_MS
    assert await warned() == 0


async def test_a_day_whose_numbers_are_used_up_says_so_with_every_dossier(office: Office) -> None:
    await desk(office, "numbers.leased", lease(journal="0" * 32))
    few = lease(**{"from": 9_998, "to": 9_999, "prefix": "H26.107.01"})
    office.clock.advance(90 * 86_400_000)  # the first lease is over
    year = {"first_day": "2027-02-01", "last_day": "2027-12-31"}
    await desk(office, "numbers.leased", few | year)
    answers = []
    for _ in range(4):
        answers.append(await office.receive(applicant={"full_name": "Lê Văn An"}))
        office.clock.advance(61_000)
    assert [answer.code is not None for answer in answers] == [True, True, False, False]
    warned = [[warning.code for warning in answer.warnings] for answer in answers]
    assert warned == [[], [], *[["code-missing", "lease-low"]] * 2]


async def test_numbers_go_on_without_a_gap_past_commands_that_were_undone(office: Office) -> None:
    """What is remembered of the highest numbers is forgotten with whatever is undone."""

    def undone(transaction: Transaction) -> None:
        transaction.append(received, body)
        raise Refusal("state-forbidden")

    first = await office.receive()
    query = "SELECT body FROM event WHERE journal = 1 AND seq = 1"
    data = await office.journal.read(lambda c: c.execute(query).fetchone()[0])
    received = event.decode(data)
    body = decode_body(received.kind, received.body)
    await office.receive()
    await asyncio.gather(
        office.journal.write(undone),
        office.receive(),
        office.journal.write_many([undone, undone]),
        office.receive(),
        return_exceptions=True,
    )
    last = await office.receive()
    assert (first.book, last.book) == ("1/1", "1/5")
    assert last.code is not None
    assert last.code.endswith("-0005")


async def test_codes_that_nobody_has_are_not_remembered(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = Facts(office.views)

    async def asked(*codes: tuple[str, str | None]) -> int:
        def job(transaction: Transaction) -> int:
            for code, version in codes:
                facts.at(transaction).procedure(code, version)
            return len(facts._procedures)

        return await office.journal.write(job)

    assert await asked(*((f"9.{number}", None) for number in range(500))) == 0
    monkeypatch.setattr(asking, "PROCEDURES_MAX", 3)
    assert await asked(*(("1.001193", f"{number}") for number in range(500))) <= 3
