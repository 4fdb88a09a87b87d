"""Running the rooms of the daemon side by side: named tasks, one clean end.

A room that falls takes the daemon with it, loudly: systemd starts it again in a known state, which
is better than a daemon of which a part has silently died.
"""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

Work: TypeAlias = Coroutine[Any, Any, None]

STOP_S_MAX: Final = 2.5
"""What open answers get after a stop was asked for; the journal needs the rest of the 5 s."""


class Supervisor:
    """Owns the tasks of the daemon."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._rooms: list[asyncio.Task[None]] = []
        self._group: asyncio.TaskGroup | None = None

    async def run(self, begin: Callable[["Supervisor"], None], last: Work) -> None:
        """Start what `begin` starts and run until stopped; `last` ends by itself on a stop.

        Raises whatever a room raised, as an ExceptionGroup.
        """
        async with asyncio.TaskGroup() as self._group:
            door = self._group.create_task(last, name="local door")
            begin(self)
            await self._stop.wait()
            async with asyncio.timeout(STOP_S_MAX):
                await door
            for room in self._rooms:
                room.cancel()
        self._group = None

    def start(self, name: str, work: Work) -> None:
        """Run a room under a name until the daemon stops."""
        if self._group is None:
            raise RuntimeError("not running")
        self._rooms.append(self._group.create_task(work, name=name))


def stop_on_signals(stop: asyncio.Event) -> None:
    """Let SIGTERM and SIGINT ask for a clean stop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
