"""What the agent does when the province goes on in another desk journal, or wants events back."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest

from agent.journal import Journal, NoViews
from agent.journal.verify import verify
from agent.sync import desk_follow, store
from agent.sync.answer import examine
from tests.agent.sync.conftest import Station, TestClock
from tests.agent.sync.either import Heard, Real, Scene, adopt
from tests.agent.sync.test_silent_line import PATIENT
from tests.chaos.false_province import Interposer
from wire.problems import Refusal

KEY = secrets.token_bytes(32)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as ends:
        province = Real()
        await province.up(tmp_path, ends)
        interposer = ends.enter_context(Interposer(province.port))
        enrolled, answer = await province.begin(tmp_path)
        journal = await Journal.open(
            tmp_path / "journal.db",
            KEY,
            identity=enrolled.identity,
            projector=NoViews(),
            clock=TestClock(),
        )
        office = Station(journal, lambda: enrolled, interposer.url)
        office.patience = PATIENT

        async def close() -> None:
            await office.journal.close()  # another one, after a story of a restart

        ends.push_async_callback(close)
        ends.push_async_callback(office.stop)
        await adopt(office, enrolled, answer)
        yield Scene(office, province, Heard(interposer, province.sealing, enrolled))


async def restored(scene: Scene, *, publishes: int = 1) -> bytes:
    """Let the province forget what it said; return the desk journal that was open before."""
    office, province = scene.office, scene.province
    office.start()
    await office.until_shown(None)
    await province.remember()
    for _ in range(publishes):
        await province.publish()
    await office.record(1)
    await office.until_delivered()
    identity = office.journal.identity
    assert identity is not None
    before = office.journal.desk_head
    await office.stop()
    await province.go_back()
    office.start()
    await office.record(1)
    await office.until_delivered()
    await office.until(lambda: office.journal.desk_head != before)
    return identity.desk


async def test_the_agent_gives_back_and_goes_on_in_the_next_desk(scene: Scene) -> None:
    former = await restored(scene)
    office = scene.office
    assert office.journal.identity is not None
    assert office.journal.identity.desk != former
    given = [each.up for each in scene.heard.exchanges() if each.up.returned is not None]
    assert len(given) == 1
    assert given[0].proof is not None
    assert given[0].events is None
    assert await office.meta(store.GIVE_BACK) is None
    assert office.shown.code is None


async def test_both_desks_are_sound_and_a_restart_goes_on_in_the_second(
    scene: Scene, tmp_path: Path
) -> None:
    await restored(scene)
    office = scene.office
    await office.stop()
    report = await office.journal.read_apart(verify)
    assert report.ok, report.damages
    now, desk_head = office.journal.identity, office.journal.desk_head
    await office.journal.close()
    office.journal = await Journal.open(
        tmp_path / "journal.db",
        KEY,
        identity=office.enrolment().identity,
        projector=NoViews(),
        clock=TestClock(),
    )
    assert (office.journal.identity, office.journal.desk_head) == (now, desk_head)
    await scene.province.publish()
    office.start()
    await office.record(1)
    await office.until_delivered()
    assert office.journal.desk_head.seq == desk_head.seq + 1


async def test_a_journal_with_another_desk_is_refused_as_before(
    scene: Scene, tmp_path: Path
) -> None:
    await scene.office.journal.close()
    identity = scene.office.enrolment().identity
    foreign = identity._replace(desk=b"f" * 16)
    with pytest.raises(Refusal, match="journal-damaged"):
        await Journal.open(
            tmp_path / "journal.db", KEY, identity=foreign, projector=NoViews(), clock=TestClock()
        )
    scene.office.journal = await Journal.open(
        tmp_path / "journal.db", KEY, identity=identity, projector=NoViews(), clock=TestClock()
    )


async def test_a_desk_that_does_not_follow_ours_is_not_gone_on_in(scene: Scene) -> None:
    """The answer that told of the next desk, to a device that is elsewhere by now: no step."""
    former = await restored(scene)
    office = scene.office
    told = next(
        each.down
        for each in scene.heard.exchanges()
        if each.down is not None and each.down.device is not None
    )
    await office.stop()
    again = examine(told, office.enrolment())
    before = office.journal.identity
    assert before is not None
    assert before.desk != former
    assert not await office.journal.write(partial(desk_follow.follow, answer=again))
    assert office.journal.identity == before
