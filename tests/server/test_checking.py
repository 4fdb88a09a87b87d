"""`verify`, `rebuild` and `backup`: damage is named, a copy is whole."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from server import copying
from server.checking import verify
from server.config import load
from server.context import ServerContext
from server.main import open_context
from server.store.tables import desk_event, event, journal
from tests.server.province import Device, new_device
from tests.server.test_cli import Operator
from wire.chain import event_digest
from wire.problems import Refusal


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    device = await new_device(ctx)
    for _ in range(25):
        device.note()
    await device.sync()
    return device


async def test_a_healthy_province_is_whole(ctx: ServerContext, device: Device) -> None:
    found = await verify(ctx)
    assert (found.ok, found.journals, found.damaged) == (True, 2, ())
    assert found.events == 25 + device.desk_head.seq


async def test_a_journal_is_walked_piece_by_piece(
    ctx: ServerContext, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.checking.CHUNK_EVENTS", 4)
    assert (await verify(ctx)).ok


async def test_an_event_whose_time_is_over_still_verifies(
    ctx: ServerContext, device: Device
) -> None:
    async with ctx.store.write() as conn:
        gone = event.update().where(event.c.seq == 7)
        await conn.execute(gone.values(event=None, digest=event_digest(device.events[6])))
    assert (await verify(ctx)).ok


@pytest.mark.parametrize(
    ("statement", "seq", "what"),
    [
        (event.update().where(event.c.seq == 9).values(event=b"{}"), 9, "hash-wrong"),
        (event.update().where(event.c.seq == 9).values(hash=bytes(32)), 9, "hash-wrong"),
        (event.update().where(event.c.seq == 9).values(event=None), 9, "hash-wrong"),
        (event.delete().where(event.c.seq == 9), 9, "missing"),
        (event.delete().where(event.c.seq > 20), 21, "missing"),
        (journal.update().values(head_hash=bytes(32)), 25, "head-wrong"),
    ],
)
async def test_damage_is_named_by_its_first_place(
    ctx: ServerContext, device: Device, statement: Any, seq: int, what: str
) -> None:
    async with ctx.store.write() as conn:
        await conn.execute(statement)
    found = await verify(ctx)
    (damage,) = found.damaged
    assert not found.ok
    assert (damage.office, damage.side, damage.seq, damage.what) == ("H26.107", "office", seq, what)
    assert damage.journal == device.journal.hex()


async def test_what_the_province_said_is_checked_too(ctx: ServerContext, device: Device) -> None:
    async with ctx.store.write() as conn:
        await conn.execute(desk_event.update().where(desk_event.c.seq == 1).values(event=b"{}"))
    (damage,) = (await verify(ctx)).damaged
    assert (damage.side, damage.seq) == ("desk", 1)


def test_the_command_says_what_it_found(operator: Operator) -> None:
    asyncio.run(_fill(operator))
    good = operator.types("verify", "--json")
    assert (good.returncode, json.loads(good.stdout)["ok"]) == (0, True)
    assert "Every hash chain holds" in operator.types("verify").stderr
    assert json.loads(operator.types("rebuild", "--json").stdout) == {"ok": True, "events": 5}
    assert "5 events" in operator.types("rebuild").stderr
    asyncio.run(_spoil(operator))
    bad = operator.types("verify")
    assert bad.returncode == 4
    assert "H26.107" in bad.stderr
    assert "event 3: does not fit the hash chain" in bad.stderr
    damaged = json.loads(operator.types("verify", "--json").stdout)["damaged"]
    assert [damage["seq"] for damage in damaged] == [3]


def test_a_copy_is_whole_encrypted_and_never_replaces(operator: Operator, tmp_path: Path) -> None:
    asyncio.run(_fill(operator))
    copy = tmp_path / "copy.db"
    made = operator.types("backup", str(copy), "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["bytes"] == copy.stat().st_size > 0
    assert copy.stat().st_mode & 0o777 == 0o600
    assert b"H26.107" not in copy.read_bytes()
    assert sorted(path.name for path in tmp_path.glob(".copy*")) == []
    again = operator.types("backup", str(copy))
    assert (again.returncode, "file-exists" in again.stderr) == (1, True)
    (tmp_path / "data" / "province.db").unlink()
    copy.rename(tmp_path / "data" / "province.db")
    assert json.loads(operator.types("verify", "--json").stdout)["events"] > 5


def test_a_copy_that_is_not_whole_gets_no_name(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_fill(operator))
    real = copying._copy

    def torn(source: Path, target: Path, key: bytes) -> None:
        real(source, target, key)
        data = bytearray(target.read_bytes())
        data[5000] ^= 1
        target.write_bytes(data)

    monkeypatch.setattr(copying, "_copy", torn)
    with pytest.raises(Refusal) as refused:
        copying.backup(load(operator.config), tmp_path / "copy.db")
    assert refused.value.code == "backup-damaged"
    assert not (tmp_path / "copy.db").exists()


def test_a_copy_needs_a_place_and_a_database(operator: Operator, tmp_path: Path) -> None:
    config = load(operator.config)
    with pytest.raises(Refusal) as refused:
        copying.backup(config, tmp_path / "copy.db")
    assert refused.value.code == "file-unreadable"
    asyncio.run(_fill(operator))
    with pytest.raises(Refusal) as refused:
        copying.backup(config, tmp_path / "nowhere" / "copy.db")
    assert refused.value.code == "disk-full"
    (config.keys_dir / "database.key").write_bytes(b"x" * 32)
    with pytest.raises(Refusal) as refused:
        copying.backup(config, tmp_path / "copy.db")
    assert refused.value.code == "store-damaged"


def test_postgresql_is_copied_by_its_own_tools(operator: Operator, tmp_path: Path) -> None:
    source = operator.config.read_text()
    operator.config.write_text(
        source.replace("sqlite:///data/province.db", "postgresql+asyncpg://localhost/x")
    )
    refused = operator.types("backup", str(tmp_path / "copy.db"))
    assert refused.returncode == 2
    assert "pg_dump" in refused.stderr


async def _fill(operator: Operator) -> None:
    config = load(operator.config)
    ctx = await open_context(config)
    device = await new_device(ctx)
    for _ in range(5):
        device.note()
    await device.sync()
    await ctx.store.close()


async def _spoil(operator: Operator) -> None:
    ctx = await open_context(load(operator.config))
    async with ctx.store.write() as conn:
        await conn.execute(sa.update(event).where(event.c.seq == 3).values(event=b"{}"))
    await ctx.store.close()
