"""The drawing of what becomes of a province's keys, held against the server."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from litestar.datastructures import State

from server import retiring, rounds
from server.context import ServerContext
from server.enrolment import revoke
from server.keys import load
from tests.server.province import FakeClock, new_device, rotate_keys
from tests.server.test_moving import Holder

DRAWING = Path(__file__).parents[2] / "docs" / "state-machines" / "keys.mmd"
ARROW = re.compile(r"^    (\w+) --> (\w+): (.+)$", re.MULTILINE)
NO_DEVICE = "rotate, no device"


def drawn() -> set[tuple[str, str, str]]:
    return {match.groups() for match in ARROW.finditer(DRAWING.read_text())}  # type: ignore[misc]


class Watched:
    """A province, and the state of the keys of the statement it began with."""

    def __init__(self, ctx: ServerContext) -> None:
        self.ctx, self.n = ctx, ctx.keys.n
        self.seen: set[tuple[str, str, str]] = set()

    async def state(self) -> str:
        if self.n == self.ctx.keys.n:
            return "in_force"
        for each in await retiring.retired(self.ctx):
            if each.n == self.n:
                return "due" if each.due else "retired"
        return "destroyed"

    async def step(self, name: str, do: Callable[[], Awaitable[object]]) -> None:
        before = await self.state()
        await do()
        self.seen.add((before, await self.state(), name))

    async def rotate(self) -> None:
        rotate_keys(self.ctx.config.keys_dir, signing=True)
        self.ctx = replace(self.ctx, keys=load(self.ctx.config.keys_dir))

    async def round(self) -> None:
        state = State({"context": self.ctx})
        await rounds.go_round(state)
        self.ctx = state.context


async def test_the_drawing_is_what_becomes_of_keys(ctx: ServerContext, clock: FakeClock) -> None:
    first = Watched(ctx)
    await first.step(NO_DEVICE, first.rotate)
    await first.step("daily round", first.round)

    second, device = Watched(first.ctx), await new_device(first.ctx)
    await second.step("rotate", second.rotate)
    holder = Holder(device, second.ctx.keys.province)
    await second.step("last device moves", lambda: holder.ask(second.ctx))
    await second.step("daily round", second.round)

    third = Watched(second.ctx)
    await third.step("rotate", third.rotate)

    async def wait() -> None:
        clock.ms += retiring.RETIRED_MS_MAX

    await third.step("wait 24 months", wait)
    await third.step("daily round", third.round)

    fourth = Watched(third.ctx)
    clock.ms -= retiring.RETIRED_MS_MAX
    await fourth.step("rotate", fourth.rotate)
    await fourth.step("last device revoked", lambda: revoke(fourth.ctx, device.device_id))
    await fourth.step("daily round", fourth.round)

    assert first.seen | second.seen | third.seen | fourth.seen == drawn()
