"""What the operator says and does after a restore, who stays revoked, and any restore point."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest
import sqlalchemy as sa

from server import desk, desk_dossiers, enrolment, rebuilding, restoring
from server.context import ServerContext
from server.publishing import publish
from server.sayings import Refused
from server.store import lost_tables, tables
from tests.server.holdings import incidents
from tests.server.province import Device, FakeClock, new_device
from tests.server.restored_province import (
    DAY_MS,
    Province,
    assert_whole,
    assigned,
    dossiers,
    province,
)
from tests.server.test_desk import NOTICE, said
from wire.chain import extend
from wire.event import body_of
from wire.keys import device10

__all__ = ["province"]  # a fixture


async def test_restored_shuts_every_desk_and_blames_no_device(
    province: Province, clock: FakeClock
) -> None:
    devices = [await new_device(province.ctx, seed=seed) for seed in (2, 3)]
    for device in devices:
        await device.sync()
    province.copy()
    for _ in range(3):
        for device in devices:
            device.note()
            await device.sync()
        clock.ms += DAY_MS
        await province.put_back(*devices, told=True)
        for device in devices:
            await device.settle()
            assert said(device, "desk.opened")
    assert await incidents(province.ctx) == []


async def test_restored_shuts_every_desk_by_a_clock_that_is_behind(
    province: Province, clock: FakeClock
) -> None:
    device = await new_device(province.ctx)
    await device.sync()
    province.copy()
    await publish(province.ctx, None, [("notice.published", NOTICE)])
    await device.sync()
    await province.put_back(device)
    async with province.ctx.store.write() as conn:
        await conn.execute(lost_tables.restoration.delete())  # a copy that was not made by `backup`
    clock.ms -= DAY_MS
    await restoring.restore(province.ctx, lambda _done, _of: None)
    async with province.ctx.store.read() as conn:
        states = await conn.execute(sa.select(tables.desk_journal.c.state))
    assert [*states.scalars()] == ["closed"]
    await device.settle()
    assert said(device, "desk.opened")
    assert await incidents(province.ctx) == []


async def test_restored_twice_is_once(province: Province) -> None:
    device = await new_device(province.ctx)
    told: list[tuple[int, int]] = []

    def tell(done: int, of: int) -> None:
        told.append((done, of))

    first = await restoring.restore(province.ctx, tell)
    assert (first.offices, first.devices, told) == (1, 1, [(1, 1)])
    await device.settle()
    record = device.record
    second = await restoring.restore(province.ctx, tell)
    assert (second.already, second.offices) == (province.clock.ms, 0)
    await device.settle()
    assert device.record == record


async def test_restored_cut_off_goes_on_and_leaves_new_desks_open(
    province: Province, clock: FakeClock
) -> None:
    device = await new_device(province.ctx)
    other = await new_device(province.ctx, seed=3, code="H26.108")

    def cut(done: int, _of: int) -> None:
        if done == 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await restoring.restore(province.ctx, cut)
    assert await restoring.is_copy(province.ctx)
    clock.ms += 1
    await device.settle()
    await other.settle()
    done = await restoring.restore(province.ctx, lambda _done, _of: None)
    assert (done.offices, done.already) == (2, None)
    assert not await restoring.is_copy(province.ctx)
    for each in (device, other):
        await each.settle()
        assert len(said(each, "desk.opened")) == 1


async def test_the_other_devices_of_an_office_hear_of_a_revocation(province: Province) -> None:
    device = await new_device(province.ctx)
    other = await new_device(province.ctx, seed=9)
    stranger = await new_device(province.ctx, seed=10, code="H26.108")
    await enrolment.revoke(province.ctx, device.device_id)
    for each in (other, stranger):
        await each.sync()
    assert said(other, "device.revoked") == [{"device": device10(device.device_id)}]
    assert said(stranger, "device.revoked") == []


async def test_a_copy_that_says_it_is_one_is_gone_through_at_the_start(
    province: Province,
) -> None:
    device = await new_device(province.ctx)
    assert await restoring.at_start(province.ctx) is None
    province.copy()
    await province.put_back(device)
    done = await restoring.at_start(province.ctx)
    assert done is not None
    assert (done.offices, done.devices) == (1, 1)
    assert await restoring.at_start(province.ctx) is None


async def test_a_range_no_province_lends_is_not_taken(province: Province) -> None:
    """A device that writes itself a range of a million serials only keeps its own chain busy."""
    device = await new_device(province.ctx)
    lent = said(device, "numbers.leased")[0]
    far = {**lent, "from": 2_001, "to": 900_000_000}
    for body in (far, {**lent, "from": 5_001, "to": 5_999}, {"journal": "x"}):
        raw = desk.write(desk.Saying("numbers.leased", body_of(body)), province.clock.ms)
        device.desk_head = extend(device.desk_head, raw)
        device.copy.events.append(raw)
        device.copy.heads.append(device.desk_head)
    await device.settle()
    async with province.ctx.store.read() as conn:
        rows = await conn.execute(sa.select(tables.lease.c.serial_from))
    assert sorted(rows.scalars()) == [1, 5_001]


async def test_two_devices_with_one_range_are_shown(province: Province, clock: FakeClock) -> None:
    """Lent once before the copy was put back silently, and once after: a person has to know."""
    device = await new_device(province.ctx)
    other = await new_device(province.ctx, seed=9)
    province.copy()
    clock.ms += 20 * DAY_MS
    await device.sync()
    await province.put_back(device, other)
    async with province.ctx.store.write() as conn:  # as if another had been lent the same since
        taken = said(device, "numbers.leased")[1]
        await conn.execute(
            tables.lease.insert().values(
                office_id=device.office,
                prefix=str(taken["prefix"]),
                first_day=str(taken["first_day"]),
                serial_from=taken["from"],
                serial_to=taken["to"],
                width=4,
                last_day=str(taken["last_day"]),
                journal_id=other.journal,
                device_id=other.device_id,
                volume=2,
            )
        )
    await device.settle()
    assert "numbers-twice" in await incidents(province.ctx)


async def test_who_was_revoked_after_the_copy_is_revoked_again(province: Province) -> None:
    device = await new_device(province.ctx)
    province.copy()
    statement = await enrolment.revoke(province.ctx, device.device_id)
    await province.put_back(device, told=True)
    down = await device.sync()
    assert (down.verdict, down.statement) == ("revoked", statement)


async def test_who_was_revoked_after_the_copy_is_believed_no_more_when_nobody_told(
    province: Province,
) -> None:
    device = await new_device(province.ctx)
    province.copy()
    statement = await enrolment.revoke(province.ctx, device.device_id)
    await province.put_back(device)
    await restoring.strike(province.ctx)
    down = await device.sync()
    assert (down.verdict, down.statement) == ("revoked", statement)


@pytest.mark.parametrize("seed", range(6))
async def test_any_restore_point_ends_whole(
    province: Province, clock: FakeClock, seed: int
) -> None:
    """Copies and restores at random places of a random story; both sides end equal."""
    rng = Random(seed)
    device = await new_device(province.ctx)
    copies = []
    count = 5_000
    silent = False

    async def story() -> None:
        nonlocal count
        for _ in range(rng.randrange(1, 5)):
            count += 1
            what = rng.randrange(5)
            if what == 0:
                device.note()
            elif what == 1:
                await publish(province.ctx, None, [("notice.published", NOTICE)])
            elif what == 2:
                item = assigned(f"H26.107-261121-{count}")
                with suppress(Refused):  # no device works while its desk is shut
                    await publish(province.ctx, [device.office], [item])
            elif what == 3:
                clock.ms += 9 * DAY_MS
            elif rng.random() < 0.7:
                await device.settle()

    for round_ in range(8):
        await story()
        if rng.random() < 0.6:
            name = f"copy-{round_}"
            province.copy(name)
            copies.append(name)
            await story()
        if copies and rng.random() < 0.6:
            told = silent or rng.random() < 0.7  # a second silent one within 30 days is a clone
            await province.put_back(device, name=rng.choice(copies), told=told)
            silent = silent or not told
    await device.settle()
    await assert_whole(province, device)
    codes = [one["code"] for one in said(device, "dossier.assigned")]
    assert len(set(codes)) == len(codes)
    leases = [
        (one["first_day"], one["last_day"], one["from"]) for one in said(device, "numbers.leased")
    ]
    assert len(set(leases)) == len(leases)
    before = await dossiers(province.ctx)
    assert {row[0] for row in before} == set(await _told_ids(province.ctx, device))
    await rebuilding.rebuild(province.ctx)
    assert [row[:2] for row in await dossiers(province.ctx)] == [row[:2] for row in before]


async def _told_ids(ctx: ServerContext, device: Device) -> list[bytes]:
    async with ctx.store.read() as conn:
        return [one.dossier_id for one in await desk_dossiers.told_of(conn, device.office)]
