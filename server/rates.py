"""How often one sender may ask: a token bucket for each, in memory, bounded.

Losing it at a restart costs nothing but a fresh allowance, so it is never stored.
"""

from __future__ import annotations

from collections import OrderedDict
from math import ceil

from wire.problems import Refusal

SOURCES_MAX = 20_000  # more than all devices of the largest province; the longest silent goes first


class TooOften(Refusal):
    """A source asked more often than it may; `retry_after_s` says when to come back."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("rate-limited")
        self.retry_after_s = retry_after_s


class Rates:
    """Allows each source `burst` requests at once and `per_s` a second in the long run."""

    def __init__(self, *, burst: int, per_s: float) -> None:
        self._burst = float(burst)
        self._per_s = per_s
        self._buckets: OrderedDict[bytes, tuple[float, int]] = OrderedDict()

    def take(self, source: bytes, now_ms: int) -> None:
        """Count one request of `source`. Raises TooOften."""
        left, since_ms = self._buckets.pop(source, (self._burst, now_ms))
        elapsed_s = max(0, now_ms - since_ms) / 1000
        left = min(self._burst, left + elapsed_s * self._per_s)
        allowed = left >= 1
        self._buckets[source] = (left - 1 if allowed else left, now_ms)
        while len(self._buckets) > SOURCES_MAX:
            self._buckets.popitem(last=False)
        if not allowed:
            raise TooOften(ceil((1 - left) / self._per_s))
