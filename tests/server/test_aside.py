"""What nobody has accepted is stored in full beside the journals, and counts for nothing."""

from __future__ import annotations

import copy

import msgspec
import pytest
from sqlalchemy import select

from server.context import ServerContext
from server.store.tables import aside_event, event
from server.store.tables import device as device_table
from tests.server.holdings import incidents
from tests.server.province import Device, FakeClock, new_device
from wire.chain import genesis
from wire.event import Event, body_of, encode

DAYS_20_MS = 20 * 86_400_000


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    return await new_device(ctx)


async def aside(ctx: ServerContext) -> list[bytes]:
    async with ctx.store.read() as conn:
        rows = await conn.execute(select(aside_event.c.event).order_by(aside_event.c.seq))
        return [row.event for row in rows]


async def kept(ctx: ServerContext) -> list[bytes]:
    async with ctx.store.read() as conn:
        return list((await conn.execute(select(event.c.event))).scalars())


async def state(ctx: ServerContext) -> str:
    async with ctx.store.read() as conn:
        found: str = (await conn.execute(select(device_table.c.state))).scalar_one()
        return found


def branch(device: Device, seq: int, notes: int = 1) -> Device:
    """Return a copy of the device that remembers up to `seq` and wrote something else after it."""
    other = copy.copy(device)
    other.events, other.heads = device.events[:seq], device.heads[:seq]
    for number in range(notes):
        other.note(f"nhánh {number}")
    return other


def successor(device: Device, seq: int, name: bytes = b"\x09") -> Device:
    """Return the device with a journal that follows its own at `seq`."""
    other = copy.copy(device)
    after = (device.journal.hex(), seq, device.place(seq).hash.hex())
    other.journal, other.events, other.heads = name * 16, [], []
    body = body_of({"after": after, "why": "fork"})
    other.write(
        encode(
            Event(
                kind="journal.opened",
                at="2026-11-21T08:31:05+07:00",
                actor="device:agent",
                body=body,
            )
        )
    )
    other.note("sau khi rẽ nhánh")
    return other


async def test_a_first_fork_keeps_what_only_the_device_has_aside(
    ctx: ServerContext, device: Device
) -> None:
    for _ in range(3):
        device.note()
    await device.sync()
    other = branch(device, 1, notes=4)
    down = await other.sync()
    assert (down.verdict, down.have, down.receipt) == ("fork", 1, device.head)
    assert await aside(ctx) == other.events[1:]
    again = await other.sync()
    assert (again.verdict, await aside(ctx)) == ("fork", other.events[1:])
    assert await incidents(ctx) == ["fork"]


async def test_a_journal_has_one_successor(ctx: ServerContext, device: Device) -> None:
    device.note()
    await device.sync()
    first, second = successor(device, 1), successor(device, 1, b"\x08")
    assert (await first.sync()).verdict == "ok"
    down = await second.sync()
    assert (down.verdict, down.receipt) == ("quarantined", second.head)
    assert await aside(ctx) == second.events
    assert len(await kept(ctx)) == 3
    assert await state(ctx) == "active", "the one that was first goes on"
    assert (await first.sync()).verdict == "ok"


async def test_a_device_goes_on_after_a_successor_only_with_a_person(
    ctx: ServerContext, device: Device
) -> None:
    device.note()
    await device.sync()
    first = successor(device, 1)
    first.turn = (await first.sync()).turn
    forked = branch(first, 1, notes=3)
    down = await forked.sync()
    assert (down.verdict, down.receipt, down.ladder) == ("quarantined", forked.head, ())
    assert (await state(ctx), await incidents(ctx)) == ("quarantined", ["quarantined"])
    forked.note("weiter")
    down = await forked.sync(first=5)
    assert (down.verdict, down.receipt) == ("quarantined", forked.head)
    assert await aside(ctx) == forked.events[1:]


async def test_a_late_fork_of_a_successor_is_kept_aside_and_harms_nobody(
    ctx: ServerContext, device: Device
) -> None:
    device.note()
    await device.sync()
    first = successor(device, 1)
    await first.sync()
    late = branch(first, 1, notes=2)
    late.turn = b"nonsense"
    down = await late.sync()
    assert (down.verdict, down.stale) == ("quarantined", True)
    assert (await state(ctx), await aside(ctx)) == ("active", late.events[1:])


async def test_a_second_successor_of_a_successor_asks_a_person(
    ctx: ServerContext, device: Device
) -> None:
    device.note()
    await device.sync()
    first = successor(device, 1)
    first.turn = (await first.sync()).turn
    second = successor(first, 1, b"\x08")
    assert (await second.sync()).verdict == "quarantined"
    assert await state(ctx) == "quarantined"


async def test_what_comes_for_a_closed_journal_lies_aside_as_a_branch_of_its_own(
    ctx: ServerContext, device: Device
) -> None:
    device.note()
    await device.sync()
    assert (await successor(device, 1).sync()).verdict == "ok"
    device.note()
    device.note()
    down = await device.sync(2, 2)
    assert (down.verdict, down.receipt) == ("quarantined", device.place(2))
    down = await device.sync(3)
    assert (down.verdict, down.receipt) == ("quarantined", device.head)
    assert await aside(ctx) == device.events[1:]
    only_head = await device.sync(4)
    assert (only_head.verdict, only_head.receipt) == ("quarantined", device.head)


async def test_a_branch_that_grows_from_nothing_is_wanted_from_its_beginning(
    ctx: ServerContext, device: Device
) -> None:
    async with ctx.store.write() as conn:
        await conn.execute(device_table.update().values(state="quarantined"))
    for _ in range(3):
        device.note()
    down = await device.sync(2)
    assert (down.verdict, down.receipt) == (
        "quarantined",
        genesis(device.device_id, device.journal),
    )
    assert await aside(ctx) == []
    assert (await device.sync()).receipt == device.head


async def test_a_journal_unknown_in_its_middle_is_wanted_from_its_beginning(
    ctx: ServerContext, device: Device
) -> None:
    device.note()
    await device.sync()
    other = successor(device, 1)
    assert (await other.sync(2)).verdict == "unknown-journal"
    assert (await other.sync()).verdict == "ok"
    assert await aside(ctx) == []


async def test_a_second_restore_within_thirty_days_is_quarantined(
    ctx: ServerContext, device: Device, clock: FakeClock
) -> None:
    device.note()
    device.turn = (await device.sync()).turn
    for verdict in ("ok", "quarantined"):
        old = device.turn
        device.turn = (await device.sync()).turn
        await device.sync()
        stale = await device.sync(turn=old)
        down = await device.sync(turn=stale.turn, was=old)
        assert (stale.stale, down.verdict) == (True, verdict)
        device.turn = down.turn
        await device.sync()
        clock.ms += DAYS_20_MS
    assert (await state(ctx)) == "quarantined"
    assert sorted(await incidents(ctx)) == ["device-restored", "device-restored", "quarantined"]


async def test_two_boxes_that_take_turns_in_quarantine_are_no_more_incidents(
    ctx: ServerContext, device: Device
) -> None:
    device.note()
    async with ctx.store.write() as conn:
        await conn.execute(device_table.update().values(state="quarantined"))
    device.turn = mine = theirs = (await device.sync()).turn
    for _ in range(3):
        mine, theirs = theirs, mine
        down = await device.sync(turn=mine)
        if down.stale:
            down = await device.sync(turn=down.turn, was=mine)
        mine = (await device.sync(turn=down.turn)).turn
    assert await incidents(ctx) == ["device-restored"]


async def test_the_same_backup_restored_twice_is_two_incidents(
    ctx: ServerContext, device: Device, clock: FakeClock
) -> None:
    device.note()
    device.turn = old = (await device.sync()).turn
    for _ in range(2):
        device.turn = (await device.sync()).turn
        await device.sync()
        stale = await device.sync(turn=old)
        device.turn = (await device.sync(turn=stale.turn, was=old)).turn
        await device.sync()
        clock.ms += 2 * DAYS_20_MS
    assert (await state(ctx), await incidents(ctx)) == ("active", ["device-restored"] * 2)


async def test_the_former_box_speaking_again_is_quarantined(
    ctx: ServerContext, device: Device
) -> None:
    device.note()
    await device.sync()
    former = device.box
    device.box = b"\x01" * 24
    assert (await device.sync()).verdict == "ok"
    assert await incidents(ctx) == ["box-changed"]
    device.box = former
    device.note()
    assert (await device.sync()).verdict == "quarantined"
    assert await state(ctx) == "quarantined"


@pytest.mark.parametrize("why", ["fork", "restored"])
async def test_why_a_journal_was_opened_is_no_poison(
    ctx: ServerContext, device: Device, why: str
) -> None:
    device.note()
    await device.sync()
    other = successor(device, 1)
    other.events = [raw.replace(b'"fork"', msgspec.json.encode(why)) for raw in other.events[:1]]
    other.heads = []
    (first,) = other.events
    other.events = []
    other.write(first)
    down = await other.sync()
    assert (down.verdict, down.problems) == ("ok", ())
