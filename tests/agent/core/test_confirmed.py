"""A clock that nobody vouched for since the machine started dates no code until confirmed."""

from random import Random
from typing import Any

import pytest

from agent import confirmed
from agent.journal.transaction import get_meta
from agent.users import Users
from agent.web.shapes import NewUser
from records.moment import local
from tests.agent.office import RECEIVE, Office
from tests.agent.world import as_json
from wire import event as wire_event
from wire.problems import Refusal


async def restarted(office: Office) -> None:
    """The machine was right, went down, and came back with a clock that nobody has looked at."""
    await confirmed.remember(office.journal, office.clock)
    office.clock.boot_id = b"another boot"
    office.clock.believed = "unsynced"


def confirm(office: Office) -> dict[str, Any]:
    return {"type": "clock.confirm", "now": local(office.clock.now_ms()).isoformat()}


async def staff(office: Office) -> None:
    users = Users(office.journal, Random(3).randbytes)
    people = [("minh.tv", "supervisor"), ("lan.nt", "clerk")]
    await users.add([NewUser(name=name, role=role, pin="246801") for name, role in people])


async def test_a_fresh_boot_gives_book_numbers_and_no_code_until_a_person_confirms(
    office: Office,
) -> None:
    await staff(office)
    assert (await office.receive()).code is not None
    await restarted(office)
    withheld = await office.receive()
    assert (withheld.code, withheld.book) == (None, "1/2")
    await office.service.submit_line(as_json(confirm(office)), "minh.tv")
    assert office.clock.state() == "trusted"
    assert (await office.receive()).code == "H26.107-261120-0002"
    office.clock.believed = "unsynced"  # its trust is over after a month, in this very boot
    assert (await office.receive()).code is not None
    query = "SELECT body FROM event ORDER BY pos DESC LIMIT 3"
    bodies = await office.journal.read(lambda conn: conn.execute(query).fetchall())
    observed = wire_event.decode(bodies[-1][0])
    assert (observed.kind, observed.actor, observed.clock) == (
        "clock.observed", "minh.tv", "unsynced",
    )  # fmt: skip


async def test_a_box_that_was_never_vouched_for_is_no_fresh_boot(office: Office) -> None:
    office.clock.believed = "unsynced"
    await confirmed.remember(office.journal, office.clock)
    assert (await office.receive()).code is not None


async def test_the_same_boot_is_noted_once(office: Office) -> None:
    await confirmed.remember(office.journal, office.clock)
    seen = office.journal.marks
    await confirmed.remember(office.journal, office.clock)
    assert office.journal.marks == seen
    noted = await office.journal.read(lambda conn: get_meta(conn, confirmed.VOUCHED_BOOT))
    assert noted == office.clock.boot_id


@pytest.mark.parametrize("who", ["lan.nt", "nobody"])
async def test_only_a_supervisor_who_is_signed_in_confirms(office: Office, who: str) -> None:
    await staff(office)
    await restarted(office)
    with pytest.raises(Refusal, match="role-forbidden"):
        await office.service.submit_line(as_json(confirm(office)), who)
    assert office.clock.state() == "unsynced"


async def test_many_lines_may_confirm_too_and_a_refused_one_believes_nothing(
    office: Office,
) -> None:
    await restarted(office)
    wrong = {"type": "clock.confirm", "now": "2026-11-20T23:00:00+07:00"}
    (refused,) = await office.service.submit_many([(as_json(wrong), None)])
    assert isinstance(refused, Refusal)
    assert (refused.code, office.clock.state()) == ("clock-unconfirmed", "unsynced")
    await office.service.submit_many([(as_json(confirm(office)), None), (b"{", None)])
    assert office.clock.state() == "trusted"
    (done,) = await office.service.submit_many([(as_json(RECEIVE), None)])
    assert not isinstance(done, Refusal)
    assert done.code is not None


async def test_an_answer_given_again_believes_no_other_clock(office: Office) -> None:
    await restarted(office)
    line = as_json(confirm(office) | {"key": "k1"})
    first = await office.service.submit_line(line, None)
    assert office.clock.state() == "trusted"
    await restarted(office)
    for again in (
        await office.service.submit_line(line, None),
        *(await office.service.submit_many([(line, None)])),
    ):
        assert not isinstance(again, Refusal)
        assert (again.seq, office.clock.state()) == (first.seq, "unsynced")
