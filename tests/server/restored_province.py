"""A province that is put back to an older state, and how to tell that it is whole again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from server import checking, copying, restoring
from server.config import Config
from server.context import ServerContext
from server.projections import project
from server.store import tables
from server.store.projection_tables import dossier as dossier_table
from tests.server.holdings import held
from tests.server.province import Device, FakeClock, make_config, open_province
from wire.event import Event, body_of, encode, format_time

DAY_MS = 86_400_000
CODE = "H26.107-261121-5001"


class Province:
    """A province whose database can be copied and put back; its keys and files stay."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        self.config: Config = make_config(folder)
        self.clock, self.copies = clock, folder / "copies"
        self.copies.mkdir()
        self.ctx: ServerContext

    async def start(self) -> ServerContext:
        """Open what stands on the disk."""
        self.ctx = await open_province(self.config, self.clock, project)
        return self.ctx

    def copy(self, name: str = "copy") -> None:
        """Copy the database as an operator does."""
        copying.backup(self.config, self.copies / name)

    async def put_back(self, *devices: Device, name: str = "copy", told: bool = False) -> None:
        """Put the copy in the place of the database; the devices go on with what they have.

        `told`: an operator says so; else nobody does.
        """
        await self.ctx.store.close()
        database = self.config.data_dir / "province.db"
        for file in self.config.data_dir.glob("province.db*"):
            file.unlink()
        database.write_bytes((self.copies / name).read_bytes())
        await self.start()
        if told:
            await restoring.restore(self.ctx, lambda _done, _of: None, again=True)
        for device in devices:
            device.ctx = self.ctx


@pytest.fixture
async def province(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Province]:
    found = Province(tmp_path, clock)
    await found.start()
    yield found
    await found.ctx.store.close()


async def assert_whole(province: Province, device: Device) -> None:
    """Both sides hold the same office journal and the same desk journal, each chain sound."""
    assert await held(province.ctx) == device.events
    checked = await checking.verify(province.ctx)
    assert checked.ok, checked.damaged
    async with province.ctx.store.read() as conn:
        rows = (await conn.execute(sa.select(tables.journal))).all()
        desks = {row.desk_id: row for row in await conn.execute(sa.select(tables.desk_journal))}
    assert [row.projected_seq for row in rows] == [row.head_seq for row in rows]
    assert device.record is not None
    for desk_id, copy in device.desks.items():
        assert (desks[desk_id].head_seq, desks[desk_id].head_hash) == copy.heads[-1]
        assert desks[desk_id].state == ("open" if desk_id == device.record.desk else "closed")


async def dossiers(ctx: ServerContext) -> list[tuple[bytes, bytes, bytes]]:
    """Return every dossier as it stands, with its story."""
    async with ctx.store.read() as conn:
        names = (dossier_table.c.dossier_id, dossier_table.c.stand, dossier_table.c.history)
        return [tuple(r) for r in await conn.execute(sa.select(*names).order_by(names[0]))]


def assigned(code: str = CODE) -> tuple[str, bytes]:
    """A dossier the province hands to an office."""
    body = {
        "procedure_code": "1.001193",
        "channel": "online",
        "return_channel": "direct",
        "applicant": {"full_name": "Trần Thị Bình"},
        "code": code,
        "due_at": "2026-11-25T17:00:00+07:00",
    }
    return "dossier.assigned", json.dumps(body, ensure_ascii=False).encode()


def progressed(dossier: str, state: str = "forwarded") -> tuple[str, bytes]:
    return "dossier.progressed", json.dumps({"dossier": dossier, "state": state}).encode()


def forward(device: Device, dossier: str) -> None:
    """Record that a dossier the province assigned went on."""
    body = body_of({"to": "Phòng Tư pháp", "holder": "office"})
    event = Event(
        kind="dossier.forwarded",
        subject=dossier,
        at=format_time(device.now),
        actor="lan.nt",
        body=body,
    )
    device.write(encode(event))


async def only_dossier(ctx: ServerContext) -> str:
    ((dossier_id, _, _),) = await dossiers(ctx)
    return str(UUID(bytes=dossier_id))
