"""However much poison a device sends, it hears of every single event."""

from __future__ import annotations

import pytest

from server.context import ServerContext
from server.exchange import AT_ONCE_S, exchange
from server.naming import PROBLEMS_MAX
from tests.server.holdings import held
from tests.server.province import Device, Seen, new_device

POISON = b"nonsense"


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    return await new_device(ctx)


async def drain(device: Device, *, losing: int = 0) -> list[int]:
    """Send until all is held, each time from the receipt; the first answers are lost."""
    told: list[int] = []
    receipt = device.place(0)
    for number in range(20):
        request = device.seal(device.up(first=receipt.seq + 1))
        down = device.open(await exchange(request, device.ctx), request)
        assert len(down.problems) <= PROBLEMS_MAX
        if number < losing:
            continue
        device.learn(down)
        told += [problem.seq for problem in down.problems]
        receipt = down.receipt
        if receipt == device.head:
            return told
        assert down.next_after == AT_ONCE_S
    raise AssertionError(receipt)


@pytest.mark.parametrize("losing", [0, 1, 3])
async def test_each_of_five_hundred_poisoned_events_is_named(
    ctx: ServerContext, device: Device, losing: int
) -> None:
    for _ in range(500):
        device.write(POISON)
    device.note()
    assert await drain(device, losing=losing) == list(range(1, 501))
    assert await held(ctx) == device.events


async def test_the_receipt_stops_where_the_answer_is_full(device: Device, seen: Seen) -> None:
    for _ in range(PROBLEMS_MAX + 1):
        device.note()
        device.write(POISON)
    down = await device.sync()
    assert down.receipt == device.place(2 * PROBLEMS_MAX)
    assert [item.seq for item in seen.events][-1] == 2 * PROBLEMS_MAX - 1
    assert await drain(device) == [*range(2, 2 * PROBLEMS_MAX + 1, 2), 2 * PROBLEMS_MAX + 2]


@pytest.mark.parametrize("losing", [0, 2])
async def test_each_event_that_no_projection_takes_is_named(
    ctx: ServerContext, device: Device, monkeypatch: pytest.MonkeyPatch, losing: int
) -> None:
    async def broken(*_: object) -> list[object]:
        raise KeyError("no such dossier")

    monkeypatch.setattr(Seen, "__call__", broken)
    for _ in range(250):
        device.note()
    device.write(POISON)
    assert await drain(device, losing=losing) == list(range(1, 252))
    assert await held(ctx) == device.events
