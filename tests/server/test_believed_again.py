"""A device that a person believes again: nothing comes twice, is left out, or forks anew."""

from __future__ import annotations

import pytest

from server import enrolment, settling
from server.context import ServerContext
from server.publishing import publish
from server.store.tables import aside_event
from tests.server.holdings import held, incidents
from tests.server.province import Device, Seen, new_device
from tests.server.restored_province import (
    Province,
    assert_whole,
    assigned,
    dossiers,
    forward,
    only_dossier,
    province,
)
from tests.server.test_aside import aside, branch, state, successor
from tests.server.test_settling import device, isolate, listed
from wire.block import pack
from wire.chain import Head, extend, genesis
from wire.problems import Refusal

__all__ = ["device", "province"]

FAR = 10**12


async def half_sent(ctx: ServerContext, device: Device) -> None:
    """Let a device in quarantine speak of four events, of which two are here."""
    await isolate(ctx, device)
    for _ in range(4):
        device.note()
    assert (await device.sync(2, 3)).receipt == device.place(3)


async def test_what_is_here_of_a_longer_journal_is_accepted(
    ctx: ServerContext, device: Device, seen: Seen
) -> None:
    await half_sent(ctx, device)
    assert await settling.accept(ctx, device.device_id, "đúng máy") == 2
    assert [event.seq for event in seen.events] == [1, 2, 3]
    down = await device.sync(4)
    assert (down.verdict, down.receipt) == ("ok", device.head)
    assert await listed(ctx) == []


async def test_a_straight_branch_is_no_fork_once_its_device_is_released(
    ctx: ServerContext, device: Device
) -> None:
    await half_sent(ctx, device)
    await settling.release(ctx, device.device_id, "khôi phục hai lần")
    down = await device.sync(4)
    assert (down.verdict, down.have) == ("gap", 1)
    assert (await device.sync(2)).receipt == device.head
    assert await incidents(ctx) == ["quarantined"]


async def test_a_message_behind_what_lies_aside_too_is_no_fork(
    ctx: ServerContext, device: Device
) -> None:
    await half_sent(ctx, device)
    await settling.release(ctx, device.device_id, "khôi phục hai lần")
    await device.sync(2, 4)
    assert (await device.sync(3, 3)).verdict == "ok"


async def test_what_the_journal_has_already_is_not_taken_from_aside_again(
    ctx: ServerContext, device: Device
) -> None:
    await half_sent(ctx, device)
    await settling.release(ctx, device.device_id, "khôi phục hai lần")
    await device.sync(2, 2)
    await isolate(ctx, device)
    await device.sync(3, 5)
    assert await settling.accept(ctx, device.device_id, "đúng máy") == 3
    assert await held(ctx) == device.events
    assert (await listed(ctx), (await device.sync(5)).verdict) == ([], "ok")


async def test_which_of_two_branches_is_its_own_the_device_shows_itself(
    ctx: ServerContext, device: Device
) -> None:
    await isolate(ctx, device)
    await branch(device, 1, notes=2).sync(2)
    for _ in range(3):
        device.note("máy này")
    await device.sync(2, 2)
    assert await settling.accept(ctx, device.device_id, "đúng máy") == 0
    assert ((await device.sync(3)).verdict, await held(ctx)) == ("gap", device.events[:1])
    assert (await device.sync(2)).receipt == device.head


async def test_a_number_that_is_not_the_next_leads_on_from_nothing(
    ctx: ServerContext, device: Device
) -> None:
    await isolate(ctx, device)
    device.note()
    await device.sync(2)
    far = extend(Head(FAR, device.head.hash), device.events[0])
    block = pack(far.seq, device.head.hash, device.events[:1])
    down = await device.send(device.up(events=block, head=far))
    assert down.receipt == genesis(device.device_id, device.journal)
    assert await aside(ctx) == device.events[1:]


async def test_a_branch_with_a_hole_in_its_numbers_is_not_accepted(
    ctx: ServerContext, device: Device
) -> None:
    await isolate(ctx, device)
    device.note()
    await device.sync(2)
    async with ctx.store.write() as conn:
        await conn.execute(aside_event.update().values(seq=FAR))
    with pytest.raises(Refusal, match="fork"):
        await settling.accept(ctx, device.device_id, "xem")


async def test_a_pending_device_s_events_wait_for_its_approval(
    ctx: ServerContext, seen: Seen
) -> None:
    waiting = await new_device(ctx, automatic=False)
    waiting.note()
    await waiting.sync()
    await successor(waiting, 1).sync()
    waiting.note()
    assert (await waiting.sync(2)).verdict == "quarantined"
    assert await settling.accept(ctx, waiting.device_id, "xem") == 1
    assert (seen.events, await state(ctx)) == ([], "pending")
    await enrolment.approve(ctx, waiting.device_id)
    assert sorted(event.seq for event in seen.events) == [1, 1, 2, 2]


@pytest.mark.parametrize("gives_back_first", [False, True])
async def test_events_wait_for_the_dossiers_they_tell_of(
    province: Province, *, gives_back_first: bool
) -> None:
    device = await new_device(province.ctx)
    province.copy()
    await publish(province.ctx, [device.office], [assigned()])
    await device.sync()
    forward(device, await only_dossier(province.ctx))
    await device.sync()
    before = [row[:2] for row in await dossiers(province.ctx)]
    await province.put_back(device, told=True)
    await isolate(province.ctx, device)
    await device.sync()
    if gives_back_first:
        await device.settle()
    await settling.accept(province.ctx, device.device_id, "khôi phục")
    down = await device.settle()
    assert (down.verdict, down.problems) == ("ok", ())
    assert [row[:2] for row in await dossiers(province.ctx)] == before
    await assert_whole(province, device)


async def test_a_device_released_has_its_desk_folded_that_it_gave_back(province: Province) -> None:
    device = await new_device(province.ctx)
    province.copy()
    await publish(province.ctx, [device.office], [assigned()])
    await device.sync()
    before = [row[:2] for row in await dossiers(province.ctx)]
    await province.put_back(device, told=True)
    await isolate(province.ctx, device)
    await device.settle()
    await settling.release(province.ctx, device.device_id, "khôi phục")
    assert [row[:2] for row in await dossiers(province.ctx)] == before
