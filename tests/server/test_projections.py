"""What the events mean: the same whatever way they came, and again when built anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from records import synthetic_journal
from records.dossier import Dossier
from records.events import decode_body
from records.statistics import Told, history
from server import projected_dossiers, rebuilding
from server.config import Config
from server.context import ServerContext
from server.projections import project
from server.store.projection_tables import PROJECTIONS, declined, dossier, visit
from server.store.tables import problem
from tests.server.blob_story import told_of
from tests.server.province import Device, FakeClock, new_device, open_province
from wire.chain import event_id
from wire.event import Event, body_of, decode, encode, format_time, parse_time

EVENTS = 400


@pytest.fixture
async def ctx(config: Config, clock: FakeClock) -> AsyncIterator[ServerContext]:
    """A province that projects."""
    context = await open_province(config, clock, project)
    yield context
    await context.store.close()


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    return await new_device(ctx)


def work(device: Device, count: int = EVENTS, seed: int = 5) -> None:
    """Let the office do everything an office does."""
    for raw in synthetic_journal.events(seed, count, everyday=True):
        device.write(raw)


async def contents(ctx: ServerContext) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of the projections."""
    async with ctx.store.read() as conn:
        return {
            table.name: sorted(tuple(row) for row in await conn.execute(sa.select(table)))
            for table in PROJECTIONS
        }


async def problems(ctx: ServerContext) -> list[tuple[int, str, str]]:
    async with ctx.store.read() as conn:
        rows = await conn.execute(
            sa.select(problem.c.seq, problem.c.code, problem.c.detail).order_by(problem.c.seq)
        )
        return [tuple(row) for row in rows]


async def dossiers(ctx: ServerContext) -> dict[bytes, Dossier]:
    async with ctx.store.read() as conn:
        rows = await conn.execute(sa.select(dossier.c.dossier_id, dossier.c.stand))
        return {row.dossier_id: projected_dossiers.read_dossier(row.stand) for row in rows}


async def test_small_and_large_batches_give_the_same(ctx: ServerContext, device: Device) -> None:
    work(device)
    whole = await new_device(ctx, seed=3, code="H26.108")
    for raw in device.events:
        whole.write(raw)
    sizes, first = Random(1), 1
    while first <= EVENTS:
        last = min(EVENTS, first + sizes.randrange(40))
        await device.sync(first, last)
        first = last + 1
    await whole.sync()
    assert await problems(ctx) == []
    async with ctx.store.read() as conn:
        for table, column in ((dossier, dossier.c.history), (visit, visit.c.stand)):
            by_office = {
                office: sorted(
                    row[0]
                    for row in await conn.execute(
                        sa.select(column).where(table.c.office_id == office)
                    )
                )
                for office in (device.office, whole.office)
            }
            assert by_office[device.office] == by_office[whole.office] != []


async def test_a_rebuild_gives_back_what_was_there(ctx: ServerContext, device: Device) -> None:
    work(device)
    other = await new_device(ctx, seed=3, code="H26.108")
    work(other, 96, seed=6)
    for turn in range(8):
        await device.sync(turn * 50 + 1, turn * 50 + 50)
        await other.sync(turn * 12 + 1, turn * 12 + 12)
    scanning = await new_device(ctx, seed=4, code="H26.109")
    told_of(scanning)
    await scanning.sync()
    before = await contents(ctx)
    assert all(before.values())
    async with ctx.store.write() as conn:
        for table in PROJECTIONS:
            await conn.execute(table.delete())
    assert await rebuilding.rebuild(ctx) == EVENTS + 96 + 2
    after = await contents(ctx)
    async with ctx.store.read() as conn:
        counted = await conn.execute(sa.select(sa.func.count()).select_from(dossier))
        assert counted.scalar_one() > 20
    assert after == before


async def test_a_story_is_that_of_its_events(ctx: ServerContext, device: Device) -> None:
    work(device)
    await device.sync()
    told: dict[bytes, list[Told]] = {}
    for seq, raw in enumerate(device.events, start=1):
        event = decode(raw)
        if not event.kind.startswith("dossier.") or event.kind == "dossier.declined":
            continue
        subject = seq if event.subject is None else int(event.subject)
        key = event_id(device.place(subject).hash).bytes
        body = decode_body(event.kind, event.body)
        told.setdefault(key, []).append(Told(event.kind, body, parse_time(event.at)))
    async with ctx.store.read() as conn:
        rows = await conn.execute(sa.select(dossier.c.dossier_id, dossier.c.history))
        found = {
            row.dossier_id: projected_dossiers.read_history(row.history, "H26.107") for row in rows
        }
    assert found == {key: history("H26.107", events) for key, events in told.items()}


async def test_people_sent_away_are_counted(ctx: ServerContext, device: Device) -> None:
    body = body_of({"procedure_code": "1.001193", "reason": "Không thuộc thẩm quyền", "form": "03"})
    device.write(encode(event_of(device, "dossier.declined", body)))
    await device.sync()
    async with ctx.store.read() as conn:
        (row,) = (await conn.execute(sa.select(declined))).all()
    assert (row.procedure_code, row.at_ms) == ("1.001193", device.now)
    assert await dossiers(ctx) == {}


def event_of(device: Device, kind: str, body: Any, subject: int | str | None = None) -> Event:
    return Event(kind=kind, subject=subject, at=format_time(device.now), actor="lan.nt", body=body)


async def test_one_event_that_cannot_be_applied_spoils_nothing_else(
    ctx: ServerContext, device: Device
) -> None:
    work(device, 20)
    device.note()
    lost = encode(event_of(device, "dossier.withdrawn", body_of({"reason": "Đổi ý"}), 21))
    device.write(lost)
    for raw in synthetic_journal.events(7, 20):
        device.write(raw)
    await device.sync()
    assert await problems(ctx) == [(22, "projection-failed", "dossier-unknown")]
    assert len(await dossiers(ctx)) > 5
    down = await device.sync(first=20, last=30)
    assert [(told.seq, told.code) for told in down.problems] == [(22, "projection-failed")]


async def test_a_fault_is_named_without_what_it_was_about(
    ctx: ServerContext, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_args: object) -> None:
        raise ZeroDivisionError("Nguyễn Thị Ngọc Hà")

    monkeypatch.setattr(projected_dossiers, "evolve", faulty)
    work(device, 3)
    await device.sync()
    found = await problems(ctx)
    assert found
    assert {code for _, code, _ in found} == {"projection-failed"}
    assert all("ZeroDivisionError in faulty" in detail for _, _, detail in found)
    assert not any("Ngọc" in detail for _, _, detail in found)


async def test_a_rebuild_takes_back_problems_that_are_none_any_more(
    ctx: ServerContext, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(projected_dossiers, "evolve", lambda *_: 1 / 0)
        work(device, 30)
        await device.sync()
    assert await problems(ctx)
    await rebuilding.rebuild(ctx)
    assert await problems(ctx) == []
    assert len(await dossiers(ctx)) > 5


async def test_kinds_of_a_later_version_pass(ctx: ServerContext, device: Device) -> None:
    device.write(encode(event_of(device, "dossier.sang_to", body_of({"song": "x"}))))
    device.write(encode(event_of(device, "robot.woke", body_of({}))))
    await device.sync()
    assert await problems(ctx) == []
    assert not any((await contents(ctx)).values())
