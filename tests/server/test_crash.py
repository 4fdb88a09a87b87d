"""The server dies, or comes back older than it was; nothing is lost and nothing doubled."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from records import synthetic_journal
from server.config import Config
from server.store.positions import read_feed
from server.store.tables import event, incident
from tests.server.province import FakeClock, Seen, new_device, open_province, restored

ROOT = Path(__file__).parents[2]
EVENTS = 50


async def run_doomed(config: Config, message: Path, point: str) -> int:
    """Let another process take the message in and kill itself; return how it ended."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.server.doomed",
        str(config.file.parent),
        "" if config.database.startswith("sqlite") else config.database,
        str(message),
        point,
        cwd=ROOT,
    )
    return await asyncio.wait_for(process.wait(), 60)


@pytest.mark.parametrize(("point", "kept"), [("before-commit", 0), ("after-commit", EVENTS)])
async def test_killed_in_an_exchange(
    config: Config, clock: FakeClock, tmp_path: Path, point: str, kept: int
) -> None:
    ctx = await open_province(config, clock, Seen())
    device = await new_device(ctx)
    await ctx.store.close()
    for raw in synthetic_journal.events(1, EVENTS):
        device.write(raw)
    message = tmp_path / "message"
    message.write_bytes(device.seal(device.up()))
    assert await run_doomed(config, message, point) == -signal.SIGKILL
    seen = Seen()
    ctx = await open_province(config, clock, seen, migrating=False)
    try:
        async with ctx.store.read() as conn:
            count = await conn.execute(sa.select(sa.func.count()).select_from(event))
            assert count.scalar() == kept
        device = restored(device, ctx)
        down = await device.sync()
        assert (down.verdict, down.receipt, down.stale) == ("ok", device.head, False)
        assert len(seen.events) == EVENTS - kept
        async with ctx.store.read() as conn:
            feed = await read_feed(conn, 0, 1_000)
        assert [row.event for row in feed] == device.events
        assert [row.position for row in feed] == list(range(1, EVENTS + 1))
    finally:
        await ctx.store.close()


async def test_an_older_copy_of_the_province_catches_up(
    config: Config, clock: FakeClock, tmp_path: Path
) -> None:
    if not config.database.startswith("sqlite"):
        pytest.skip("does not apply: the copy of a file stands for every backup")
    ctx = await open_province(config, clock, Seen())
    device = await new_device(ctx)
    made = synthetic_journal.events(2, EVENTS)
    for raw in made[:20]:
        device.write(raw)
    await device.sync()
    await ctx.store.close()
    path = Path(config.database.removeprefix("sqlite:///"))
    copy = tmp_path / "older.db"
    shutil.copyfile(path, copy)
    seen = Seen()
    ctx = await open_province(config, clock, seen, migrating=False)
    device = restored(device, ctx)
    for raw in made[20:]:
        device.write(raw)
    await device.sync(21)
    await device.sync(EVENTS + 1)
    await ctx.store.close()
    shutil.copyfile(copy, path)
    ctx = await open_province(config, clock, seen, migrating=False)
    try:
        device = restored(device, ctx)
        down = await device.sync(EVENTS + 1)
        assert (down.receipt, down.stale) == (device.place(20), True)
        down = await device.sync(down.receipt.seq + 1)
        assert (down.verdict, down.receipt) == ("ok", device.head)
        async with ctx.store.read() as conn:
            feed = await read_feed(conn, 0, 1_000)
            told = (await conn.execute(sa.select(incident.c.kind))).scalars().all()
        assert [row.event for row in feed] == device.events
        assert list(told) == []
    finally:
        await ctx.store.close()
