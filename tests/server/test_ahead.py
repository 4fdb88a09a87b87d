"""Later events from a stick wait until what comes before is here, in whatever way it comes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from carrier.writing import Carried
from server import ahead, carrying, exchange
from server.config import Config
from server.context import ServerContext
from server.store.ahead_tables import ahead as ahead_table
from tests.server.holdings import held
from tests.server.province import Device, FakeClock, Seen, new_device, open_province
from tests.server.test_aside import branch
from wire.plaintext import Down, Problem


async def carry(device: Device, first: int, last: int) -> Down:
    """Let a message with these events come by stick; return its answer."""
    request = device.seal(device.up(first, last))
    answer = await exchange.exchange(request, replace(device.ctx, carried=True))
    return device.open(answer, request)


async def waiting(ctx: ServerContext) -> int:
    async with ctx.store.read() as conn:
        return (await conn.execute(select(func.count()).select_from(ahead_table))).scalar_one()


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    return await new_device(ctx)


@pytest.fixture
def noted(device: Device) -> Device:
    """A device with nine events, none of them sent."""
    for number in range(9):
        device.note(f"ghi {number}")
    return device


async def test_the_line_closes_the_gap_and_the_receipt_covers_what_waited(
    ctx: ServerContext, noted: Device, seen: Seen
) -> None:
    await noted.sync(1, 2)
    down = await carry(noted, 6, 9)
    assert (down.verdict, down.have, await waiting(ctx)) == ("gap", 2, 1)
    down = await noted.sync(3, 5)
    assert (down.verdict, down.receipt, await waiting(ctx)) == ("ok", noted.head, 0)
    assert await held(ctx) == noted.events
    assert [item.seq for item in seen.events] == list(range(1, 10))


@pytest.mark.parametrize("order", [(3, 2, 1, 0), (2, 0, 3, 1), (1, 3, 0, 2)])
async def test_sticks_in_any_order_each_twice_are_one_journal(
    ctx: ServerContext, noted: Device, seen: Seen, order: tuple[int, ...]
) -> None:
    await noted.sync(1, 1)
    parts = [(2, 3), (3, 5), (6, 7), (8, 9)]
    for each in order:
        for _ in range(2):
            await carry(noted, *parts[each])
    assert await held(ctx) == noted.events
    assert [item.seq for item in seen.events] == list(range(1, 10))
    assert (await noted.sync(10)).receipt == noted.head
    assert await waiting(ctx) == 0


async def test_line_and_sticks_that_race_are_one_journal(
    ctx: ServerContext, noted: Device, seen: Seen
) -> None:
    await noted.sync(1, 1)
    over_line = noted.seal(noted.up(2, 4))
    await asyncio.gather(
        carry(noted, 7, 9),
        carry(noted, 5, 6),
        carry(noted, 5, 8),
        exchange.exchange(over_line, ctx),
    )
    down = await noted.sync(2, 4)
    assert (down.verdict, down.receipt) == ("ok", noted.head)
    assert await held(ctx) == noted.events
    assert [item.seq for item in seen.events] == list(range(1, 10))


async def test_what_waits_outlives_a_restart(config: Config, clock: FakeClock) -> None:
    ctx = await open_province(config, clock, Seen())
    device = await new_device(ctx)
    for _ in range(4):
        device.note()
    await device.sync(1, 1)
    await carry(device, 3, 4)
    await ctx.store.close()
    device.ctx = await open_province(config, clock, Seen(), migrating=False)
    try:
        assert (await device.sync(2, 2)).receipt == device.head
    finally:
        await device.ctx.store.close()


async def test_of_two_that_begin_at_one_place_the_longer_waits(
    ctx: ServerContext, noted: Device
) -> None:
    await noted.sync(1, 1)
    for last in (5, 9, 7):
        await carry(noted, 4, last)
    assert await waiting(ctx) == 1
    assert (await noted.sync(2, 3)).receipt == noted.head


async def test_a_hole_on_the_line_keeps_nothing(ctx: ServerContext, noted: Device) -> None:
    await noted.sync(1, 1)
    assert (await noted.sync(4, 9)).verdict == "gap"
    assert await waiting(ctx) == 0


async def test_a_message_without_events_keeps_nothing_and_brings_what_waits(
    ctx: ServerContext, noted: Device
) -> None:
    await noted.sync(1, 1)
    await carry(noted, 2, 1)
    assert await waiting(ctx) == 0


async def test_another_branch_is_forgotten_when_its_turn_comes(
    ctx: ServerContext, noted: Device
) -> None:
    await noted.sync(1, 1)
    other = branch(noted, 1, notes=6)
    await carry(other, 4, 7)
    await carry(noted, 4, 6)
    assert await waiting(ctx) == 2
    down = await noted.sync(2, 3)
    assert (down.verdict, down.receipt) == ("ok", noted.place(6))
    assert await waiting(ctx) == 0
    assert await held(ctx) == noted.events[:6]


async def test_beyond_the_bound_what_lies_furthest_ahead_is_forgotten_and_the_office_told(
    ctx: ServerContext, noted: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    await noted.sync(1, 1)
    await carry(noted, 6, 7)
    async with ctx.store.read() as conn:
        bytes_ = (await conn.execute(select(ahead_table.c.bytes))).scalar_one()
    monkeypatch.setattr(ahead, "ASIDE_BYTES_MAX", bytes_ * 2 + bytes_ // 2)
    await carry(noted, 8, 9)
    down = await carry(noted, 4, 5)
    assert down.problems == (Problem(0, "ahead-full", "from 8"),)
    assert (await noted.sync(2, 3)).receipt == noted.place(7)
    assert (await carry(noted, 8, 9)).receipt == noted.head


async def test_problems_of_what_waited_are_named_by_the_answer_whose_receipt_covers_it(
    ctx: ServerContext, device: Device
) -> None:
    device.note()
    device.note()
    device.write(b'{"kind":"x"')
    device.note()
    await device.sync(1, 1)
    await carry(device, 3, 4)
    down = await device.sync(2, 2)
    assert down.receipt == device.head
    assert [(each.seq, each.code) for each in down.problems] == [(3, "not-json")]


async def test_one_message_brings_no_more_along_than_a_transaction_should_hold(
    ctx: ServerContext, noted: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "JOINED_BYTES_MAX", 1)
    await noted.sync(1, 1)
    await carry(noted, 4, 6)
    await carry(noted, 7, 9)
    assert (await noted.sync(2, 3)).receipt == noted.place(6)
    assert (await noted.sync(10)).receipt == noted.head
    assert await waiting(ctx) == 0


async def test_a_repeated_message_that_ends_before_the_head_takes_nothing_along(
    ctx: ServerContext, noted: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "JOINED_BYTES_MAX", 1)
    await noted.sync(1, 1)
    await carry(noted, 4, 6)
    await carry(noted, 7, 9)
    await noted.sync(2, 3)
    assert (await noted.sync(2, 3)).receipt == noted.place(6)
    assert await waiting(ctx) == 1
    assert (await noted.sync(5, 6)).receipt == noted.head


async def test_an_import_keeps_what_came_too_early_until_the_other_stick(
    ctx: ServerContext, noted: Device, tmp_path: Path
) -> None:
    await noted.sync(1, 1)
    for name, first, last in (("late", 5, 9), ("early", 2, 4)):
        stick = tmp_path / name
        stick.mkdir()
        carried = Carried(stick)
        carried.write("0A1B2C3D.CSE", noted.seal(noted.up(first, last)))
        carried.settle()
        taken = await carrying.import_stick(ctx, stick)
        assert (taken.ok, taken.messages) == (True, 1)
    assert await held(ctx) == noted.events
