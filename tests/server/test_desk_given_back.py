"""What a device gives back as the province's words, and what it can do to its office with that."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from server import desk, desk_dossiers, enrolment, leases, rebuilding
from server.config import Config
from server.context import ServerContext
from server.desk_dossiers import Past, Told
from server.projections import project
from server.settling import accept
from server.store import tables
from server.store.transient import is_transient
from server.stored import StoredEvent
from tests.server.province import Device, FakeClock, new_device, open_province
from tests.server.restored_province import assigned, dossiers
from tests.server.test_desk import said
from wire.chain import Head, extend
from wire.event import Event, body_of, encode, format_time
from wire.plaintext import Problem

DAY_MS = 86_400_000
CODE = "H26.107-261121-7001"


@pytest.fixture
async def ctx(config: Config, clock: FakeClock) -> AsyncIterator[ServerContext]:
    """A province that projects as it does."""
    context = await open_province(config, clock, project)
    yield context
    await context.store.close()


def forge(device: Device, raw: bytes) -> None:
    """Chain an event to the device's desk journal that the province never said."""
    copy = device.copy
    device.desk_head = extend(device.desk_head, raw)
    copy.events.append(raw)
    copy.heads.append(device.desk_head)


def assigning(at: str, code: str = CODE) -> bytes:
    """Return a desk event that assigns a dossier at this time."""
    kind, body = assigned(code)
    return encode(Event(kind=kind, at=at, actor=desk.ACTOR, body=body_of(json.loads(body))))


def forge_lease(device: Device, lent: dict[str, object], **members: object) -> None:
    said_so = desk.Saying("numbers.leased", body_of(lent | members))
    forge(device, desk.write(said_so, device.now))


async def lent_serials(ctx: ServerContext) -> list[int]:
    async with ctx.store.read() as conn:
        rows = await conn.execute(sa.select(tables.lease.c.serial_from))
    return sorted(rows.scalars())


async def told_count(ctx: ServerContext) -> int:
    async with ctx.store.read() as conn:
        rows = await conn.execute(sa.select(sa.func.count()).select_from(tables.desk_told))
    return rows.scalar_one()


async def test_a_desk_event_that_cannot_be_folded_keeps_no_office_from_being_rebuilt(
    ctx: ServerContext,
) -> None:
    device = await new_device(ctx)
    forge(device, assigning("x"))
    forge(device, assigning(format_time(device.now)))
    await device.settle()
    before = await dossiers(ctx)
    assert (len(before), await told_count(ctx)) == (1, 1)
    assert await rebuilding.rebuild(ctx) == 1
    assert await dossiers(ctx) == before


async def test_a_desk_event_remembered_though_it_never_folded_is_passed_over(
    ctx: ServerContext,
) -> None:
    device = await new_device(ctx)
    forge(device, assigning("x"))
    place = device.desk_head
    forge(device, assigning(format_time(device.now)))
    former = device.up().desk
    await device.settle()
    before = await dossiers(ctx)
    async with ctx.store.write() as conn:
        told = Told(former, place.seq, bytes(16))
        await desk_dossiers.remember(conn, device.office, [told])
    await rebuilding.rebuild(ctx)
    assert await dossiers(ctx) == before


async def make_it_fail(ctx: ServerContext, conn: AsyncConnection) -> None:
    """Let the database fail this transaction's next statement that writes."""
    if conn.dialect.name == "sqlite":
        await conn.exec_driver_sql("PRAGMA query_only=1")
        return
    pid = (await conn.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one()
    async with ctx.store.read() as other:
        await other.execute(sa.select(sa.func.pg_terminate_backend(pid, 5_000)))


async def test_a_desk_event_the_database_could_not_fold_is_no_fault_of_the_event(
    ctx: ServerContext,
) -> None:
    device = await new_device(ctx)
    raw = assigning(format_time(device.now))
    past = Past(bytes(16), 0, device.device_id, bytes(32), raw, device.now)

    async def fold_where_it_fails() -> None:
        async with ctx.store.write() as conn:
            await make_it_fail(ctx, conn)
            await desk_dossiers.fold_again(conn, device.office, past)

    with pytest.raises(DBAPIError) as fault:
        await fold_where_it_fails()
    assert is_transient(fault.value)


async def test_a_fault_of_a_projection_is_a_problem_in_a_rebuild_too(ctx: ServerContext) -> None:
    device = await new_device(ctx)
    other = await new_device(ctx, seed=9, code="H26.108")
    for each in (device, other):
        each.note()
        await each.sync()

    async def failing(
        conn: AsyncConnection, office_id: bytes, events: Sequence[StoredEvent], /
    ) -> list[Problem]:
        if office_id == device.office:
            raise KeyError
        return await project(conn, office_id, events)

    assert await rebuilding.rebuild(replace(ctx, project=failing)) == 2
    assert [problem.code for problem in (await device.sync()).problems] == ["projection-failed"]
    await rebuilding.rebuild(ctx)
    assert (await device.sync()).problems == ()


async def test_a_device_nobody_approved_stops_no_numbers(
    ctx: ServerContext, clock: FakeClock
) -> None:
    device = await new_device(ctx)
    stranger = await new_device(ctx, seed=9, automatic=False)
    down = await stranger.sync(cursor=Head(900, b"\x01" * 32))
    assert down.desk_lost
    clock.ms += 20 * DAY_MS
    await device.sync()
    assert len(said(device, "numbers.leased")) == 2


async def test_a_device_nobody_approved_takes_no_numbers(
    ctx: ServerContext, clock: FakeClock
) -> None:
    device = await new_device(ctx)
    stranger = await new_device(ctx, seed=9, automatic=False)
    (lent,) = said(device, "numbers.leased")
    forge_lease(stranger, lent, **{"from": 5_001, "to": 5_999, "volume": 9_999})
    down = await stranger.sync()
    for _ in range(2):
        assert down.desk_lost
        down = await stranger.sync(**stranger.back(down))
    assert await lent_serials(ctx) == [1]
    clock.ms += 20 * DAY_MS
    await device.sync()
    assert len(said(device, "numbers.leased")) == 2
    await enrolment.approve(ctx, stranger.device_id)
    await stranger.settle()
    assert 5_001 in await lent_serials(ctx)


async def test_a_device_in_quarantine_is_asked_again_once_it_is_believed(
    ctx: ServerContext,
) -> None:
    device = await new_device(ctx)
    await device.sync()
    (lent,) = said(device, "numbers.leased")
    forge_lease(device, lent, **{"from": 5_001, "to": 5_999})
    async with ctx.store.write() as conn:
        mine = tables.device.c.device_id == device.device_id
        await conn.execute(tables.device.update().where(mine).values(state="quarantined"))
    down = await device.sync()
    await device.sync(**device.back(down))
    assert await lent_serials(ctx) == [1]
    await accept(ctx, device.device_id, "looked at")
    await device.settle()
    assert await lent_serials(ctx) == [1, 5_001]


async def test_a_volume_far_above_all_others_is_not_taken(ctx: ServerContext) -> None:
    device = await new_device(ctx)
    (lent,) = said(device, "numbers.leased")
    for first, volume, journal in ((5_001, 9_999, b"a"), (6_001, 3, b"b")):
        whose = {"journal": (journal * 16).hex()}
        forge_lease(device, lent, **{"from": first, "to": first + 998, "volume": volume}, **whose)
    await device.settle()
    async with ctx.store.read() as conn:
        assert await leases.volumes(conn, device.office) == {1, 3}
    other = await new_device(ctx, seed=9)
    await other.sync()
    assert [one["volume"] for one in said(other, "numbers.leased")] == [4]


async def test_after_the_last_volume_the_lowest_free_one_is_lent(ctx: ServerContext) -> None:
    device = await new_device(ctx)
    async with ctx.store.write() as conn:
        row = {"office_id": device.office, "volume": 9_999, "device_id": bytes(32)}
        await conn.execute(tables.book_volume.insert().values(**row, journal_id=bytes(16)))
    other = await new_device(ctx, seed=9)
    await other.sync()
    assert [one["volume"] for one in said(other, "numbers.leased")] == [2]
