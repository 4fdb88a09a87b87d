"""Exchange, publishing, approval and rebuilding at the same time: nobody waits for a circle."""

from __future__ import annotations

import asyncio

from server.context import ServerContext
from server.enrolment import approve
from server.publishing import publish
from server.rebuilding import rebuild
from tests.server.province import FakeClock, new_device

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
