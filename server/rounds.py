"""What a server does once a day beside answering: former keys that are due to go.

The first time is before it serves. What fails is logged and comes again the next day; nothing that
is asked of the server waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog
from litestar.datastructures import State

from server import retiring
from server.context import ServerContext
from server.store.transient import FAULTS

_log = structlog.get_logger("server")

DAY_S: Final = 86_400

Pause = Callable[[float], Awaitable[None]]
"""Returns once so many seconds are over."""


@asynccontextmanager
async def daily(state: State, pause: Pause = asyncio.sleep) -> AsyncIterator[None]:
    """Go round before the block begins, and every day until it is left."""
    await go_round(state)
    task = asyncio.create_task(_every_day(state, pause), name="daily round")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _every_day(state: State, pause: Pause) -> None:
    while True:
        await pause(DAY_S)
        await go_round(state)


async def go_round(state: State) -> None:
    """Destroy the keys that are due; from then on no message is opened with them."""
    context: ServerContext = state.context
    try:
        gone = await retiring.destroy(context)
    except FAULTS as error:
        _log.error("keys-not-destroyed", reason=str(error))
        return
    if gone:
        state.context = retiring.without(context, gone)
        _log.warning("keys-destroyed", statements=gone)
