"""How many exchanges run at once: when a province's power comes back, everybody calls.

Those beyond the limit are sent away with `busy` and a time to come again, spread by chance. That
keeps the answer quick for those inside, and the memory bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from wire.problems import Refusal

IN_FLIGHT_MAX = 64  # each holds a message of at most 2 MiB and what is inflated from it
READING_BYTES_MAX = 256 << 20  # of bodies still coming; whole ones take a place instead
READING_S_MAX = 240  # an agent waits no longer for a whole exchange
READING_GRACE_S = 20
READING_BYTES_S_MIN = 512  # the slowest line an office has carries several times that


class Admission:
    """Counts who is inside. Not for threads: the event loop alone asks."""

    def __init__(self, places: int = IN_FLIGHT_MAX, reading_bytes: int = READING_BYTES_MAX) -> None:
        self._free = places
        self._reading_left = reading_bytes

    async def read(
        self, chunks: AsyncIterator[bytes], limit: int, *, grace_s: float = READING_GRACE_S
    ) -> bytes:
        """Return what `chunks` bring, at most one chunk beyond `limit` bytes of it.

        Whoever sends slower than any line, or stops, is sent away: reading takes no place of
        those whose messages are here, and memory for all unfinished ones together is bounded.
        Raises Refusal busy.
        """
        body = bytearray()
        began_s = asyncio.get_running_loop().time()
        try:
            while len(body) <= limit:
                allowed_s = min(grace_s + len(body) / READING_BYTES_S_MIN, READING_S_MAX)
                async with asyncio.timeout_at(began_s + allowed_s):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                if len(chunk) > self._reading_left:
                    raise Refusal("busy")
                self._reading_left -= len(chunk)
                body += chunk
        except TimeoutError:
            raise Refusal("busy") from None
        finally:
            self._reading_left += len(body)
        return bytes(body)

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Take a place for the length of the block. Raises Refusal busy when none is free."""
        if self._free == 0:
            raise Refusal("busy")
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
