"""Exchange, publishing, approval and rebuilding at the same time: nobody waits for a circle."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from server import devices, offices
from server.context import ServerContext
from server.enrolment import approve
from server.publishing import publish
from server.rebuilding import rebuild
from tests.server.province import FakeClock, new_device
from tests.server.restored_province import assigned
from tests.server.test_desk_given_back import assigning, forge
from wire.event import format_time

NOTICE = ("notice.published", b'{"title":"Lich","text":"Mai mat dien"}')
DAY_MS = 86_400_000
ROUNDS = 12


async def test_offices_that_get_numbers_and_a_province_that_publishes_never_stop_each_other(
    ctx: ServerContext, clock: FakeClock
) -> None:
    devices = [await new_device(ctx, seed=seed) for seed in range(3, 7)]
    for _ in range(ROUNDS):
        clock.ms += 20 * DAY_MS  # numbers are due again
        for device in devices:
            device.note()
        await asyncio.gather(
            *(device.sync() for device in devices),
            *(publish(ctx, None, [NOTICE]) for _ in range(3)),
        )
    for device in devices:
        down = await device.sync()
        assert down.receipt == device.head
        assert device.desk_head == down.desk_head


async def test_an_approval_beside_publishing_and_a_rebuild_ends(
    ctx: ServerContext, clock: FakeClock
) -> None:
    waiting = [await new_device(ctx, seed=seed, automatic=False) for seed in range(3, 9)]
    for device in waiting:
        device.note()
        await device.sync()
    for device in waiting:
        await asyncio.gather(
            publish(ctx, None, [NOTICE]),
            approve(ctx, device.device_id),
            rebuild(ctx),
            publish(ctx, [device.office], [NOTICE]),
        )
    for device in waiting:
        assert (await device.sync()).pending is False


async def waits_for_a_lock(conn: AsyncConnection) -> None:
    """Return once another session of this database waits for a row."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    while not (await conn.exec_driver_sql(waiting)).scalar_one():
        await conn.exec_driver_sql("SELECT pg_sleep(0.01)")


async def test_an_office_rebuilt_for_one_device_stops_no_other(ctx: ServerContext) -> None:
    if ctx.store.embedded:
        pytest.skip("does not apply: SQLite has one writer at a time")
    device = await new_device(ctx)
    other = await new_device(ctx, seed=9)
    await device.sync()
    forge(device, assigning(format_time(device.now)))
    await publish(ctx, [device.office], [assigned()])
    down = await device.sync()
    assert down.desk_lost
    async with ctx.store.write() as conn, ctx.store.read() as watching:
        await devices.find(conn, other.device_id, locked=True)
        rebuilt = asyncio.create_task(device.sync(**device.back(down)))
        await waits_for_a_lock(watching)
        await offices.locked(conn, device.office)
    assert (await rebuilt).device is not None
