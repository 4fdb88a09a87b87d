"""Looking for the line's return with connects that carry nothing (about 200 bytes each).

- Every 1 to 2 s, so that the first record is at the province 3 s after the line returns; after ten
  minutes slower, up to 15 s.
- A peer that takes the connection and hangs up at once is not a line: a proxy or a modem does
  that while its far side is dead. No HTTP server hangs up on a client that has said nothing yet.
- Only a change from down to up is told. After a cut in mid-transfer the line counts as up, so a
  server that resets every transfer is left to the back-off.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from random import Random

from agent.clock import Clock

FAST_S = (1.0, 2.0)
FAST_FOR_MS = 600_000
SLOW_S_MAX = 15.0
SLOWDOWN = 1.3
"""Growth of the pause from one probe to the next after the fast ten minutes."""
CONNECT_S_MAX = 5.0
HANG_UP_S = 0.3
"""How long a fresh connection must stand to count."""

Connect = Callable[[], Awaitable[bool]]


class ProbePace:
    """When the next probe is due; a value machine without I/O."""

    def __init__(self, random: Random, now_ms: int) -> None:
        self._random = random
        self._since_ms = now_ms
        self._slow_s = FAST_S[1]

    def next_s(self, now_ms: int) -> float:
        """Return the pause before the next probe, seconds."""
        if now_ms - self._since_ms < FAST_FOR_MS:
            return self._random.uniform(*FAST_S)
        self._slow_s = min(self._slow_s * SLOWDOWN, SLOW_S_MAX)
        return self._random.uniform(self._slow_s * 0.7, self._slow_s)


class LineProbe:
    """Probes until the line comes up."""

    def __init__(self, connect: Connect, clock: Clock, random: Random) -> None:
        self._connect = connect
        self._clock = clock
        self._random = random
        self._kicked = asyncio.Event()

    def kick(self) -> None:
        """Probe now: something about the network changed."""
        self._kicked.set()

    async def until_up(self, *, down: bool) -> None:
        """Return when the line came up; `down`: it is known to be down now.

        A kick while the line counts as up makes the next good connect count as its return: the
        network is not the one it was.
        """
        pace = ProbePace(self._random, self._clock.mono_ms())
        while True:
            if await self._pause(pace.next_s(self._clock.mono_ms())):
                down = True
            up = await self._connect()
            if up and down:
                return
            down = not up

    async def _pause(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._kicked.wait()
        kicked = self._kicked.is_set()
        self._kicked.clear()
        return kicked


async def connects(host: str, port: int) -> bool:
    """Return whether a TCP connection to the province stands for a moment."""
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            reader, writer = await asyncio.open_connection(host, port)
    except OSError:  # refused, unreachable, no name, or (TimeoutError) silence
        return False
    try:
        async with asyncio.timeout(HANG_UP_S):
            await reader.read(1)
    except TimeoutError:
        return True
    except OSError:
        return False
    else:
        return False
    finally:
        writer.transport.abort()
