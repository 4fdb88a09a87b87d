"""What the journal must record in the end: tried again while the disk does not let it.

For rooms that nobody waits for. Who stands at the counter hears at once that nothing is recorded.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from wire.problems import Refusal

PAUSE_S: Final = 2.0
"""Room may be made on a full disk at any moment, and one refused try costs nothing."""
OF_THE_DISK: Final = frozenset({"disk-full", "disk-failed", "busy"})
"""Codes of a journal that cannot be written at present."""


async def until_recorded(work: Callable[[], Awaitable[object]]) -> None:
    """Do `work`, again while the journal cannot be written. Raises whatever else `work` raises."""
    while True:
        try:
            await work()
        except Refusal as refusal:
            if refusal.code not in OF_THE_DISK:
                raise
            await asyncio.sleep(PAUSE_S)
        else:
            return
