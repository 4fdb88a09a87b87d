"""The disk fails while the province answers: nothing counts that is not durable."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from agent.sync.answer import examine, open_down
from agent.sync.first import adopt_first_answer
from agent.sync.transport import ExchangeError
from tests.agent.sync.conftest import Office, an_up
from tests.agent.sync.province import desk_event
from wire.problems import Refusal


@pytest.mark.parametrize("code", ["disk-full", "disk-failed"])
async def test_an_answer_whose_effects_are_not_durable_does_not_count(
    office: Office, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    await office.record(3)
    write = office.journal.write
    failing = [True]

    async def refuse(job: Callable[[Any], Any]) -> Any:
        if failing[0]:
            raise Refusal(code)
        return await write(job)

    monkeypatch.setattr(office.journal, "write", refuse)
    office.start()
    await office.until_shown(code)
    assert office.journal.delivered.seq == 0
    failing[0] = False
    await office.until_delivered()
    assert len(office.province.events) == 3


async def test_a_mistake_of_the_program_is_not_swallowed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_job: Callable[[Any], Any]) -> Any:
        raise Refusal("not-enrolled")

    monkeypatch.setattr(office.journal, "write", refuse)
    office.start()
    task = office.task
    assert task is not None
    await asyncio.wait([task])
    with pytest.raises(ExceptionGroup):
        task.result()
    office.task = None


async def test_the_enrolments_answer_gives_the_first_turn_and_desk_events_once(
    office: Office,
) -> None:
    office.province.desk.append(desk_event(1))
    answer = office.province.seal(office.province.down(b"the enrolment", an_up(office)))
    enrolment = office.province.enrolment()
    assert await adopt_first_answer(office.journal, enrolment, answer)
    assert not await adopt_first_answer(office.journal, enrolment, answer)
    assert office.journal.desk_head.seq == 1
    office.start()
    await office.until_shown(None)
    assert office.province.ups[0].turn == office.province.turns[0]


async def test_a_file_that_is_no_answer_is_refused(office: Office) -> None:
    with pytest.raises(ExchangeError):
        await adopt_first_answer(office.journal, office.province.enrolment(), b"garbage")


async def test_statements_that_are_not_the_provinces_are_not_kept(office: Office) -> None:
    enrolment = office.province.enrolment()
    up = an_up(office)
    for verdict in ("ok", "revoked"):
        down = office.province.down(b"x", up, verdict)
        down = msgspec.structs.replace(down, statement=b"garbage", device=b"garbage")
        answer = examine(open_down(office.province.seal(down), enrolment), enrolment)
        assert answer.proof is None
        assert answer.revocation is None
        assert answer.device_record is None
    kept = msgspec.structs.replace(down, device=enrolment.record_cose, verdict="ok")
    assert examine(kept, enrolment).device_record == enrolment.record_cose
