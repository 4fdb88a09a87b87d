"""Looking for the line's return with connects that carry nothing (about 200 bytes each).

- Every 1 to 2 s, twice as often while the line is down (a connect that nobody hears costs 60
  bytes), so that the first record is at the province 3 s after the line returns; after ten minutes
  slower, up to 15 s.
- The next connect does not wait for the one before: an unanswered one hangs until the kernel's
  third try. Unanswered for two seconds it says that the line is down; answered later it counts.
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
FAST_DOWN_S = (0.5, 1.0)
FAST_FOR_MS = 600_000
SLOW_S_MAX = 15.0
SLOWDOWN = 1.3
"""Growth of the pause from one probe to the next after the fast ten minutes."""
CONNECT_S_MAX = 5.0
FALLEN_S = 2.0
"""Unanswered for so long, a connect counts as failed, though it may yet succeed."""
HANG_UP_S = 0.3
"""How long a fresh connection must stand to count."""

Connect = Callable[[], Awaitable[bool]]


class ProbePace:
    """When the next probe is due; a value machine without I/O."""

    def __init__(self, random: Random, now_ms: int) -> None:
        self._random = random
        self._since_ms = now_ms
        self._slow_s = FAST_S[1]

    def next_s(self, now_ms: int, *, down: bool) -> float:
        """Return the pause before the next probe, seconds."""
        if now_ms - self._since_ms < FAST_FOR_MS:
            return self._random.uniform(*(FAST_DOWN_S if down else FAST_S))
        self._slow_s = min(self._slow_s * SLOWDOWN, SLOW_S_MAX)
        return self._random.uniform(self._slow_s * 0.7, self._slow_s)


class LineProbe:
    """Probes until the line comes up."""

    def __init__(self, connect: Connect, clock: Clock, random: Random) -> None:
        self._connect = connect
        self._clock = clock
        self._random = random
        self._kicked = asyncio.Event()
        self._came_up = asyncio.Event()
        self._down = False

    def kick(self) -> None:
        """Probe now: something about the network changed."""
        self._kicked.set()

    async def until_up(self, *, down: bool) -> None:
        """Return when the line came up; `down`: it is known to be down now.

        A kick while the line counts as up makes the next good connect count as its return: the
        network is not the one it was.
        """
        self._down = down
        self._came_up.clear()
        async with asyncio.TaskGroup() as attempts:
            attempting = attempts.create_task(self._attempt_often(), name="sync probing")
            await self._came_up.wait()
            attempting.cancel()

    async def _attempt_often(self) -> None:
        pace = ProbePace(self._random, self._clock.mono_ms())
        async with asyncio.TaskGroup() as attempts:
            while True:
                attempts.create_task(self._attempt(), name="sync probe")
                pause_s = pace.next_s(self._clock.mono_ms(), down=self._down)
                if await self._pause(pause_s):
                    self._down = True

    async def _attempt(self) -> None:
        unanswered = asyncio.get_running_loop().call_later(FALLEN_S, self._fallen)
        try:
            if not await self._connect():
                self._fallen()
            elif self._down:
                self._came_up.set()
        finally:
            unanswered.cancel()

    def _fallen(self) -> None:
        self._down = True

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
