"""The line of one office: it drops, delays, doubles and replays, and others speak on it.

One `Link` a place, for as long as the world lasts; it is the `Transport` of every life of the
agent there. Whoever sits on the line has heard everything that ever went over it and can say it
again; he has nobody's keys.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random

from agent.sync import faults
from agent.sync.http import Patience
from agent.sync.transport import ExchangeError, Reply
from tests.simulation.clock import VirtualLoop
from tests.simulation.province import Province

PATIENCE = Patience()
HEARD_MAX = 40
"""Messages that somebody on the line remembers of each direction."""


@dataclass
class Weather:
    """How often what happens to a message; shares of one, in this order."""

    lost_up: float = 0.06
    lost_down: float = 0.08
    """The province took it in, but the answer never came."""
    doubled: float = 0.06
    """It arrives once more, later, maybe after newer ones."""
    replayed: float = 0.05
    """An old answer, full for full and short for short, comes in the place of the new one."""
    foreign: float = 0.04
    """Something else comes back: a portal's page, or bytes with a flipped bit."""
    again: float = 0.03
    """An old message of this office is said again beside it."""

    @classmethod
    def fair(cls) -> Weather:
        """A line that works."""
        return cls(0, 0, 0, 0, 0, 0)


class Link:
    """The line of one place."""

    def __init__(self, name: str, province: Province, random: Random, loop: VirtualLoop) -> None:
        self.name, self.up, self.silent = name, True, False
        self.cut_off = False
        """Whether it stays down as long as there is trouble."""
        self.weather = Weather()
        self.latency_s = 0.1
        self.posts = 0
        self._province, self._random, self._loop = province, random, loop
        self._said: list[bytes] = []
        self._answers: list[bytes] = []
        self._changed = asyncio.Event()
        self._began_s: float | None = None

    def set(self, *, up: bool, silent: bool = False) -> None:
        """Let the line rise or fall; `silent`: it falls without anybody being told."""
        self.up, self.silent = up, silent
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Return when the network's shape changed, as rtnetlink tells it."""
        await self._changed.wait()

    async def connects(self) -> bool:
        """Return whether a connect to the province stands."""
        await asyncio.sleep(self.latency_s)
        return self.up and self._province.up

    def forget(self) -> None:
        """Whoever sits on the line has forgotten what he heard."""
        self._said.clear()

    # --- agent.sync.transport.Transport ----------------------------------------------------------

    async def post(self, message: bytes) -> Reply:
        """Carry a message there and something back."""
        self.posts += 1
        self._began_s = self._loop.time()
        try:
            async with asyncio.timeout(PATIENCE.total_s):
                return Reply(await self._post(message))
        except TimeoutError as error:
            raise ExchangeError(faults.LATE, "all in all") from error
        finally:
            self._began_s = None

    def silent_ms(self) -> int:
        """How long nothing was heard: the far side acknowledges while the line is up."""
        if self._began_s is None or self.up:
            return 0
        return round((self._loop.time() - self._began_s) * 1_000)

    async def close(self) -> None:
        """Nothing to close."""

    # --- what happens on the way -----------------------------------------------------------------

    async def _post(self, message: bytes) -> bytes:
        await self._way()
        fate = self._fate()
        if fate == "lost_up":
            await self._die_away()
        _remember(self._said, message)
        if fate == "again":
            self._province.hear(self._random.choice(self._said), self.name)
        if fate == "foreign":
            return self._foreign()
        answer = await self._province.ask(message, self.name)
        if fate == "doubled":
            self._loop.call_later(
                self._random.choice((0.01, 1, 30, 900)), self._province.hear, message, self.name
            )
        if fate == "lost_down":
            _remember(self._answers, answer)
            await self._die_away()
        alike = [old for old in self._answers if old[0] == message[0]]
        if fate == "replayed" and alike:
            _remember(self._answers, answer)
            return self._random.choice(alike)
        _remember(self._answers, answer)
        await self._way()
        return answer

    def _fate(self) -> str:
        dice = self._random.random()
        for fate, share in vars(self.weather).items():
            dice -= share
            if dice < 0:
                return fate
        return ""

    async def _way(self) -> None:
        """Let the time of one way pass. Raises ExchangeError when the line is down."""
        await asyncio.sleep(self.latency_s * self._random.uniform(0.5, 3))
        if not self.up:
            if self.silent:
                await self._die_away()
            raise ExchangeError(faults.OFFLINE, "no route")
        if not self._province.up:
            raise ExchangeError(faults.OFFLINE, "connection refused")

    async def _die_away(self) -> None:
        if self._random.random() < 0.5:
            raise ExchangeError(faults.CUT, "reset")
        await asyncio.sleep(PATIENCE.silence_s)
        raise ExchangeError(faults.LATE, "silence")

    def _foreign(self) -> bytes:
        if not self._answers or self._random.random() < 0.3:
            raise ExchangeError(faults.CAPTIVE_PORTAL, "HTTP 200 text/html")
        forged = bytearray(self._random.choice(self._answers))
        forged[self._random.randrange(len(forged))] ^= 1 << self._random.randrange(8)
        return bytes(forged)


def _remember(heard: list[bytes], message: bytes) -> None:
    heard.append(message)
    del heard[:-HEARD_MAX]
