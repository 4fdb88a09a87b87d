"""How much to send at once (docs/protocol.md section 7), as a value.

- An exchange should take about 8 s on the link as it is: long enough that the envelope (1.3 KB)
  and the round trip hardly count, short enough that a cut costs little and a counter sees
  'delivered' move.
- Goodput is learnt from what was acknowledged, never from what was written to a socket.
- A failed exchange halves the next one; every success lets it double again.
- Compression is level 19 while sending takes longer than compressing, else 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from wire.limits import (
    EVENT_BYTES_MAX,
    EVENTS_PACKED_BYTES_MAX,
    EVENTS_PLAIN_BYTES_MAX,
    EXCHANGE_AIM_S,
)

PACKED_BYTES_MIN = 2 << 10
"""Below this the envelope weighs more than the events: halving on would only waste bytes."""
PLAIN_BYTES_MAX = EVENTS_PLAIN_BYTES_MAX - EVENT_BYTES_MAX
"""Less one event of the largest size: a batch stops after the event that fills it."""
SQUEEZED_PLAIN_BYTES_MAX = 1 << 20
"""zstd's level 19 wants about ten bytes of memory for one of input: keeps an agent under 120 MB."""
GOODPUT_ASSUMED_BYTES_S = 8_000
"""64 kbit/s, the slowest line worth planning for."""
TELLING_BYTES = 16 << 10
"""An exchange of fewer bytes tells of the round trip rather than of the link."""
SMALL_EXCHANGE_FACTOR = 4
"""What a link is taken for that so far only moved small exchanges: they mostly wait."""
SQUEEZE_BYTES_S = 1_500_000
"""What level 19 compresses on the slow office machines this is for."""
RATIO_ASSUMED = 12.0
"""Plain bytes per packed byte of ordinary events with dictionary D1."""
LEVEL_SQUEEZE = 19
LEVEL_FAST = 3


@dataclass(frozen=True, slots=True)
class Batch:
    """What the next `events` may weigh."""

    packed_bytes: int
    plain_bytes: int
    level: int


@dataclass(frozen=True, slots=True)
class Load:
    """What one message carried, and what it took."""

    plain_bytes: int = 0
    packed_bytes: int = 0
    up_bytes: int = 0
    down_bytes: int = 0
    took_ms: int = 0


@dataclass(frozen=True, slots=True)
class Pacing:
    """The link as it is known now."""

    goodput_bytes_s: int = GOODPUT_ASSUMED_BYTES_S
    measured: bool = False
    latency_ms: int = 0
    ratio: float = RATIO_ASSUMED
    cap_bytes: int = EVENTS_PACKED_BYTES_MAX
    aim_ms: int = EXCHANGE_AIM_S * 1_000

    def batch(self) -> Batch:
        """Return the size and level for the next message."""
        afford = self.goodput_bytes_s * max(self.aim_ms - self.latency_ms, 1_000) // 1_000
        packed = max(PACKED_BYTES_MIN, min(afford, self.cap_bytes, EVENTS_PACKED_BYTES_MAX))
        plain = min(round(packed * self.ratio), PLAIN_BYTES_MAX)
        sending_s = plain / self.ratio / self.goodput_bytes_s
        if sending_s > plain / SQUEEZE_BYTES_S:
            return Batch(packed, min(plain, SQUEEZED_PLAIN_BYTES_MAX), LEVEL_SQUEEZE)
        return Batch(packed, plain, LEVEL_FAST)

    def acknowledged(self, load: Load) -> Pacing:
        """Return what is known after a bound answer came."""
        moved = load.up_bytes + load.down_bytes
        known = replace(self, cap_bytes=min(self.cap_bytes * 2, EVENTS_PACKED_BYTES_MAX))
        if load.packed_bytes >= PACKED_BYTES_MIN:
            known = replace(known, ratio=_ewma(self.ratio, load.plain_bytes / load.packed_bytes))
        if moved >= TELLING_BYTES:
            return _measured(known, moved * 1_000 // max(load.took_ms - self.latency_ms, 1))
        return _glimpsed(known, moved, max(load.took_ms, 1))

    def failed(self, load: Load) -> Pacing:
        """Return what is known after an exchange of this load broke off."""
        if load.packed_bytes < PACKED_BYTES_MIN:
            return self
        return replace(
            self, cap_bytes=max(min(load.packed_bytes, self.cap_bytes) // 2, PACKED_BYTES_MIN)
        )

    @property
    def smallest(self) -> bool:
        """Whether halving has come to its end."""
        return self.cap_bytes <= PACKED_BYTES_MIN


def _measured(known: Pacing, bytes_s: int) -> Pacing:
    seen = _ewma(known.goodput_bytes_s, bytes_s) if known.measured else bytes_s
    return replace(known, goodput_bytes_s=max(round(seen), 1), measured=True)


def _glimpsed(known: Pacing, moved: int, took_ms: int) -> Pacing:
    latency_ms = round(_ewma(known.latency_ms, took_ms)) if known.latency_ms else took_ms
    at_least = moved * 1_000 // took_ms
    if not known.measured:
        at_least *= SMALL_EXCHANGE_FACTOR
    return replace(
        known,
        latency_ms=min(latency_ms, known.aim_ms // 2),
        goodput_bytes_s=max(known.goodput_bytes_s, at_least),
    )


def _ewma(known: float, seen: float) -> float:
    return known + (seen - known) / 2
