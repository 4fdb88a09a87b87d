"""The drawing of what may become of a device, held against the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from server import devices, enrolment, quarantine, settling
from server.clone_rule import Clone
from server.context import ServerContext
from tests.server.province import Device, new_device
from wire.problems import Refusal

DRAWING = Path(__file__).parents[2] / "docs" / "state-machines" / "succession.mmd"
ARROW = re.compile(r"^    (\w+) --> (\w+): ([\w-]+)$", re.MULTILINE)


def drawn() -> set[tuple[str, str, str]]:
    return {match.groups() for match in ARROW.finditer(DRAWING.read_text())}  # type: ignore[misc]


async def state(ctx: ServerContext, device: Device) -> str:
    async with ctx.store.read() as conn:
        found = await devices.find(conn, device.device_id)
    assert found is not None
    return found.state


async def test_the_drawing_is_what_becomes_of_a_device(ctx: ServerContext) -> None:
    reasons = [why for why in (*get_args(Clone), "second-fork") if why]
    seen: set[tuple[str, str, str]] = set()
    device = await new_device(ctx)
    await device.sync()
    for number, why in enumerate(reasons):
        async with ctx.store.write() as conn:
            found = await devices.find(conn, device.device_id, locked=True)
            assert found is not None
            after = await quarantine.begin(conn, found, why, device.journal, number)
        seen.add((found.state, after.state, why))
        way = settling.accept if number else settling.release
        await way(ctx, device.device_id, "xem")
        seen.add((after.state, await state(ctx, device), "accept" if number else "release"))
    other = await new_device(ctx, seed=5, code="H26.108")
    await other.sync()
    async with ctx.store.write() as conn:
        found = await devices.find(conn, other.device_id, locked=True)
        assert found is not None
        await quarantine.begin(conn, found, reasons[0], other.journal, 9)
    for each in (device, other):
        before = await state(ctx, each)
        await enrolment.revoke(ctx, each.device_id)
        seen.add((before, await state(ctx, each), "revoke"))
        with pytest.raises(Refusal, match="device-revoked"):
            await settling.accept(ctx, each.device_id, "xem")
    assert seen == drawn()
