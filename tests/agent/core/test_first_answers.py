"""A command that comes again with its key gets the answer it got, word for word."""

from functools import partial
from itertools import islice

import pytest

from agent import first_answers
from agent.journal.answered import Answer
from agent.result import Result
from records import synthetic
from records.moment import office_day
from tests.agent.office import Office
from tests.agent.world import FakeClock, as_json
from wire.problems import Refusal

COMMANDS = 400


def workload(clock: FakeClock) -> list[bytes]:
    """Days of an office, follow-ups, declined people and visits too, each with a key."""
    everyday = synthetic.everyday(11, today=office_day(clock.now_ms()))
    return [
        as_json({"key": f"k-{number}", **command})
        for number, command in enumerate(islice(everyday, COMMANDS))
    ]


async def test_whatever_is_asked_again_is_answered_as_it_was(
    office: Office, clock: FakeClock
) -> None:
    lines = workload(clock)
    first: list[Result | Refusal] = []
    for line in lines:
        first += await office.service.submit_many([(line, "lan.nt")])
        clock.advance(61_000)
    head = office.journal.head
    again = await office.service.submit_many([(line, "lan.nt") for line in lines])
    for answer, same in zip(first, again, strict=True):
        if isinstance(answer, Result):
            assert same == answer
    assert sum(isinstance(answer, Result) for answer in first) > COMMANDS * 3 // 4
    assert office.journal.head.seq <= head.seq + sum(isinstance(a, Refusal) for a in first)


async def test_most_answers_are_kept_as_the_place_of_their_event(
    office: Office, clock: FakeClock
) -> None:
    for line in workload(clock):
        await office.service.submit_many([(line, "lan.nt")])
        clock.advance(61_000)
    count = "SELECT count(*), count(result) FROM answered"
    kept, whole = await office.journal.read(lambda c: c.execute(count).fetchone())
    assert whole < kept / 2


async def test_an_answer_with_a_warning_keeps_it(office: Office) -> None:
    await office.receive()
    first = await office.receive(key="k-1")
    assert [warning.code for warning in first.warnings] == ["open-dossier"]
    assert await office.receive(key="k-1") == first


async def test_an_answer_is_that_of_its_moment_whatever_came_later(office: Office) -> None:
    received = await office.receive()
    extend = {"type": "dossier.extend", "dossier": str(received.id), "reason": "chờ xác minh"}
    extended = await office.do(**extend, due_at="2027-01-15T17:00:00+07:00", key="k-1")
    assert extended.due_at != received.due_at
    await office.do(
        type="dossier.stop", dossier=str(received.id), reason="người dân đề nghị", key="k-2"
    )
    again = await office.do(**extend, due_at="2027-01-15T17:00:00+07:00", key="k-1")
    assert again == extended


@pytest.mark.parametrize("pos", [999_999, 0], ids=["no event", "nowhere"])
async def test_an_answer_without_its_event_is_an_error(office: Office, pos: int) -> None:
    with pytest.raises(LookupError):
        await office.journal.read(partial(first_answers.given, kept=Answer(pos, None)))


async def test_an_answer_whose_dossier_is_gone_from_the_views_is_an_error(office: Office) -> None:
    first = await office.receive()
    result = await office.do(
        type="dossier.forward", dossier=str(first.id), to="Sở Tư pháp", holder="province"
    )
    await office.journal.write(lambda t: t.conn.execute("DELETE FROM dossier"))
    place = "SELECT pos FROM event WHERE journal = 1 AND seq = ?"
    pos = await office.journal.read(lambda c: c.execute(place, (result.seq,)).fetchone()[0])
    with pytest.raises(LookupError):
        await office.journal.read(partial(first_answers.given, kept=Answer(pos, None)))
