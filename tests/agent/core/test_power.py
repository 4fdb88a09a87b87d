"""A machine that went down without asking is told from one that was stopped, or only restarted."""

from pathlib import Path

import pytest

from agent import power
from agent.figures import read
from agent.journal import backup
from agent.views.rebuild import rebuild
from tests.agent.office import Office, opened
from tests.agent.world import KEY, START_MS, FakeClock
from wire import event as wire_event
from wire.problems import Refusal


async def losses(office: Office) -> int:
    identity, now_ms = office.journal.identity, office.clock.now_ms()
    return (await office.journal.read(lambda c: read(c, identity, now_ms))).power_losses


async def begun(office: Office) -> bool:
    return await power.begin(office.journal, office.service, office.clock)


async def test_a_mark_of_another_boot_is_a_loss_of_power(office: Office, clock: FakeClock) -> None:
    assert not await begun(office)
    await office.receive()
    clock.boot_id = b"next"
    assert await begun(office)
    assert not await begun(office), "it is this boot's now"
    assert await losses(office) == 1
    body = await office.journal.read(
        lambda c: c.execute("SELECT body FROM event WHERE journal = 1 AND seq = 2").fetchone()[0]
    )
    event = wire_event.decode(body)
    assert (event.kind, event.actor) == ("power.lost", "device:agent")
    assert b"last_at" in bytes(event.body)
    await rebuild(office.journal, office.views, lambda _: None)
    assert await losses(office) == 1


async def test_a_clean_stop_leaves_no_mark(office: Office, clock: FakeClock) -> None:
    await begun(office)
    await power.end(office.journal)
    clock.boot_id = b"next"
    assert not await begun(office)
    assert office.journal.head.seq == 0


async def test_a_daemon_that_was_killed_alone_lost_no_power(office: Office) -> None:
    await begun(office)
    assert not await begun(office)
    assert await losses(office) == 0


async def test_before_enrolment_a_loss_is_written_nowhere(
    office: Office, clock: FakeClock, tmp_path: Path
) -> None:
    await begun(office)
    office.journal._enrolled = None
    clock.boot_id = b"next"
    assert await begun(office)
    assert office.journal.head.seq == 0


async def test_a_restored_copy_tells_of_no_loss(tmp_path: Path, clock: FakeClock) -> None:
    file, copy = tmp_path / "journal.db", tmp_path / "copy.db"
    async with opened(file, clock) as office:
        await begun(office)
        backup.backup(file, KEY, copy)
    backup.restore(copy, KEY, file, START_MS)
    clock.boot_id = b"next"
    async with opened(file, clock) as office:
        assert not await begun(office)


async def test_a_journal_that_takes_nothing_says_so(office: Office) -> None:
    office.journal.broken = Refusal("disk-failed")
    with pytest.raises(Refusal, match="disk-failed"):
        await begun(office)
    with pytest.raises(Refusal, match="disk-failed"):
        await power.end(office.journal)
    office.journal.broken = None
