"""The addresses at which the province can be reached, and which one is tried next.

The address of the configuration holds until a statement of the province names other addresses than
the one before it. Those are tried first then, and that of the configuration last: whatever a new
statement says, nobody loses a line that works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from agent.sync.http import HttpTransport
from agent.sync.transport import ExchangeError, Reply
from wire.statements import Province


def addresses(configured: str, known: Sequence[Province]) -> tuple[str, ...]:
    """Return the addresses to try in order; `known`: the province through time."""
    named: tuple[str, ...] = ()
    for before, now in pairwise(known):
        named = now.urls if now.urls != before.urls else named
    return tuple(dict.fromkeys(url.rstrip("/") for url in (*named, configured)))


class ManyAddresses:
    """A transport over several addresses: after one that cannot be reached, the next is tried."""

    def __init__(self, urls: Sequence[str], make: Callable[[str], HttpTransport]) -> None:
        self._ways = [make(url) for url in urls]
        self._at = 0

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that are tried next, for probing."""
        return self._way.address

    @property
    def _way(self) -> HttpTransport:
        return self._ways[self._at]

    async def post(self, message: bytes) -> Reply:
        """Carry `message` as `HttpTransport` does."""
        try:
            return await self._way.post(message)
        except ExchangeError as error:
            self._turn_from(error)
            raise

    async def province(self, n: int) -> bytes:
        """Ask for the statement that follows number `n`, as `HttpTransport` does."""
        return await self._way.province(n)

    def silent_ms(self) -> int:
        """As `HttpTransport` has it."""
        return self._way.silent_ms()

    async def close(self) -> None:
        """Close every connection."""
        for way in self._ways:
            await way.close()

    def _turn_from(self, error: ExchangeError) -> None:
        if error.fault.of_the_line:
            self._at = (self._at + 1) % len(self._ways)
