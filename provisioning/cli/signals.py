"""Ending in order when told to."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


def run_until_told(work: Coroutine[Any, Any, None]) -> None:
    """Do `work` until it is done or SIGINT, SIGTERM or SIGHUP comes; then let it end in order."""
    asyncio.run(_until_told(work))


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work, name="command")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise
