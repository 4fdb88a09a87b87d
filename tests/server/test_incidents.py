"""What a person has to look at has an end: a settled box is the device's, its numbers flow."""

from __future__ import annotations

import pytest

from server import incidents
from server.context import ServerContext
from server.store.tables import incident as incident_table
from tests.server.province import Device, FakeClock, new_device
from tests.server.test_desk import said
from wire.keys import device10
from wire.problems import Refusal

DAYS_20_MS = 20 * 86_400_000
OTHER_BOX = b"\x01" * 24


async def open_incidents(ctx: ServerContext) -> list[incidents.Listed]:
    async with ctx.store.read() as conn:
        return await incidents.listed(conn, only_open=True)


async def leases_after(device: Device, clock: FakeClock) -> int:
    """Return how many leases the device has once its numbers were due again."""
    clock.ms += DAYS_20_MS
    await device.sync()
    return len(said(device, "numbers.leased"))


async def test_a_box_that_a_person_accepts_gets_numbers_again(
    ctx: ServerContext, clock: FakeClock
) -> None:
    device = await new_device(ctx)
    device.box = OTHER_BOX
    await device.sync()
    assert await leases_after(device, clock) == 1
    (found,) = await open_incidents(ctx)
    assert (found.kind, found.office) == ("box-changed", "H26.107")
    assert (found.device, found.note) == (device10(device.device_id), None)
    done = await incidents.settle(ctx, found.incident, "Đĩa chuyển sang hộp mới")
    assert (done.settled_ms, done.note) == (clock.ms, "Đĩa chuyển sang hộp mới")
    assert await leases_after(device, clock) == 2
    assert await open_incidents(ctx) == []


async def test_two_boxes_that_take_turns_are_an_incident_each_time(
    ctx: ServerContext, clock: FakeClock
) -> None:
    device = await new_device(ctx)
    first = device.box
    for box in (OTHER_BOX, first, OTHER_BOX, first):
        device.box = box
        clock.ms += 1
        await device.sync()
        (found,) = await open_incidents(ctx)
        assert found.at_ms == clock.ms
        await incidents.settle(ctx, found.incident, "xem")
    async with ctx.store.read() as conn:
        assert len(await incidents.listed(conn, only_open=False)) == 2


async def test_settling_twice_keeps_the_first_word(ctx: ServerContext, clock: FakeClock) -> None:
    device = await new_device(ctx)
    device.box = OTHER_BOX
    await device.sync()
    (found,) = await open_incidents(ctx)
    first = await incidents.settle(ctx, found.incident, "một")
    clock.ms += 1
    assert await incidents.settle(ctx, found.incident, "hai") == first


async def test_an_incident_of_an_older_version_takes_the_box_that_is_shown_next(
    ctx: ServerContext,
) -> None:
    device = await new_device(ctx)
    device.box = OTHER_BOX
    await device.sync()
    async with ctx.store.write() as conn:
        await conn.execute(incident_table.update().values(shown=None))
    (found,) = await open_incidents(ctx)
    await incidents.settle(ctx, found.incident, "xem")
    await device.sync()
    assert await open_incidents(ctx) == []


async def test_an_incident_of_no_device_ends_too(ctx: ServerContext) -> None:
    office = (await new_device(ctx)).office
    async with ctx.store.write() as conn:
        await incidents.record(conn, office, "told", facts=(), detail="x", now_ms=1)
    (found,) = await open_incidents(ctx)
    assert found.device is None
    assert (await incidents.settle(ctx, found.incident, "xem")).kind == "told"


@pytest.mark.parametrize("text", ["", "xyz", "00" * 16])
async def test_an_incident_nobody_knows_is_refused(ctx: ServerContext, text: str) -> None:
    with pytest.raises(Refusal, match="incident-unknown"):
        await incidents.settle(ctx, text, "xem")
