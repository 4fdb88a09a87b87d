"""The province's disk fails: no receipt before the file was opened anew and proven."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlcipher3
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from server.context import ServerContext
from server.keys import secret
from server.store.again import failed_on_disk, look_again
from server.store.engine import SQLITE
from server.store.sqlite import connector
from tests.server.province import FakeClock, Seen, make_config, new_device, open_province
from wire.problems import Refusal

IO_ERROR, NO_SPACE = 10 | 4 << 8, 13


def on_disk(code: int) -> OperationalError:
    """Return what SQLAlchemy raises when the driver says this."""
    error = sqlcipher3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return OperationalError("COMMIT", {}, error)


@pytest.fixture
async def ctx(tmp_path: Path) -> AsyncIterator[ServerContext]:
    context = await open_province(make_config(tmp_path), FakeClock(), Seen())
    yield context
    await context.store.close()


def file_of(ctx: ServerContext) -> Path:
    return Path(ctx.config.database.removeprefix(SQLITE))


def open_raw(ctx: ServerContext) -> sqlcipher3.Connection:
    return connector(file_of(ctx), secret(ctx.config.keys_dir / "database.key"))()


async def fail(ctx: ServerContext, code: int = IO_ERROR) -> None:
    with pytest.raises(OperationalError):
        async with ctx.store.write():
            raise on_disk(code)


async def test_a_failed_disk_is_looked_at_before_the_next_receipt(ctx: ServerContext) -> None:
    device = await new_device(ctx)
    device.note()
    assert (await device.sync()).receipt == device.head
    await fail(ctx)
    device.note()
    assert (await device.sync()).receipt == device.head
    raw = open_raw(ctx)
    assert raw.execute("PRAGMA user_version").fetchone() == (1,), "it wrote before it believed"
    raw.close()


async def test_a_full_disk_leaves_nothing_in_doubt(ctx: ServerContext) -> None:
    await fail(ctx, NO_SPACE)
    async with ctx.store.write() as conn:
        assert (await conn.execute(text("PRAGMA user_version"))).scalar() == 0
    assert not failed_on_disk(ValueError("nothing of a database"))


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE event SET event = x'00' WHERE seq = 2",
        "UPDATE event SET event = NULL WHERE seq = 2",
        "DELETE FROM event WHERE seq = 2",
        "DELETE FROM event WHERE seq = 1",
    ],
)
async def test_a_file_that_lost_what_was_receipted_takes_nothing_more(
    ctx: ServerContext, damage: str
) -> None:
    device = await new_device(ctx)
    device.note()
    device.note()
    await device.sync()
    raw = open_raw(ctx)
    raw.execute(damage)
    raw.close()
    await fail(ctx)
    device.note()
    for _ in range(2):
        with pytest.raises(Refusal, match="store-damaged"):
            await device.sync()


async def test_who_reads_an_older_state_delays_it_and_is_not_disturbed(
    ctx: ServerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.store.sqlite.BUSY_MS", 0)
    reader = open_raw(ctx)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM event").fetchone()
    device = await new_device(ctx)
    device.note()
    await device.sync()
    await fail(ctx)
    with pytest.raises(Refusal, match="busy"):
        await device.sync()
    assert reader.execute("SELECT count(*) FROM event").fetchone() == (0,)
    reader.close()
    assert (await device.sync()).receipt == device.head


async def test_a_disk_that_goes_on_failing_keeps_offices_waiting(ctx: ServerContext) -> None:
    file = file_of(ctx)
    await fail(ctx)
    away = file.with_name("away")
    file.rename(away)
    file.mkdir()

    async def nothing(conn: AsyncConnection) -> None:
        await conn.execute(text("SELECT 1"))

    with pytest.raises(Refusal, match="busy"):
        async with ctx.store.write() as conn:
            await nothing(conn)
    file.rmdir()
    away.rename(file)
    async with ctx.store.write() as conn:
        await nothing(conn)


def test_pages_that_say_nonsense_are_damage_and_not_a_moment_of_weakness(tmp_path: Path) -> None:
    file, key = tmp_path / "x.db", bytes(32)
    connect = connector(file, key)
    made = connect()
    made.execute("CREATE TABLE journal(head_seq, head_hash, office_id, journal_no)")
    made.execute("CREATE TABLE event(hash, event, digest, office_id, journal_no, seq)")
    made.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    made.close()
    data = bytearray(file.read_bytes())
    look_again(file, connect)
    for place in range(len(data) // 2, len(data), 512):
        data[place] ^= 1
    file.write_bytes(data)
    with pytest.raises(Refusal, match="store-damaged"):
        look_again(file, connect)
