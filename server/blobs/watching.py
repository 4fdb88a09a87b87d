"""A running upload ends soon after its grant does: whoever is revoked stops in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from wire.problems import Refusal

LOOK_S: Final = 0.5
"""Between two looks: a revocation is to count within a second, and a look is one row read."""


@asynccontextmanager
async def watched(look: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Let the block run while `look` raises nothing; its Refusal ends the block and is raised."""
    refusals: list[Refusal] = []

    async def watch(scope: asyncio.Timeout) -> None:
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                await look()
        except Refusal as refusal:
            refusals.append(refusal)
            scope.reschedule(asyncio.get_running_loop().time())

    try:
        async with asyncio.timeout(None) as scope:
            watcher = asyncio.create_task(watch(scope), name="grant watched")
            try:
                yield
            finally:
                watcher.cancel()
    except TimeoutError:
        if refusals:
            raise refusals[0] from None
        raise
