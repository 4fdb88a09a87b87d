"""Simulated time: an event loop that jumps to the next thing due, and the clocks of a box.

What real programs do on threads of their own runs at once, on the loop, so one seed always gives
the same order of happenings.
"""

from __future__ import annotations

import asyncio
import contextvars
from asyncio import events
from collections.abc import Callable, Coroutine
from datetime import date
from typing import Any, TypeVar

from agent.clock import ClockState
from wire.event import format_time

T = TypeVar("T")

START_MS = 1_795_222_800_000
"""2026-11-21 08:00 in Viet Nam: when every simulated world begins."""
TURNS_AT_ONE_MOMENT_MAX = 200_000
"""Turns of the loop in which time stands still: more are a loop that never ends."""


class Stuck(Exception):  # noqa: N818 - a state of the world
    """Nothing will ever happen again, or time stands still."""


class _Jump:
    """In the place of a selector: waiting for input is letting time pass."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._still = 0

    def select(self, timeout: float | None) -> list[Any]:
        """Let `timeout` seconds pass at once."""
        if timeout is None:
            raise Stuck("nothing is due and nobody is asked")
        if timeout > 0:
            self.now_s += timeout
            self._still = 0
        else:
            self._still += 1
            if self._still > TURNS_AT_ONE_MOMENT_MAX:
                raise Stuck("time stands still")
        return []

    def close(self) -> None:
        """Nothing to close."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop without sockets and threads whose time is simulated."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Jump()
        self._clock_resolution = 1e-6
        self.fallen: list[str] = []
        """What ended in an exception that nobody took."""
        self.set_exception_handler(self._note)

    def time(self) -> float:
        """Seconds since the world began."""
        return self._selector.now_s

    def run_in_executor(  # type: ignore[override]
        self, _executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run `func` now; the future is done."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def _process_events(self, event_list: list[Any]) -> None:
        """No events come from outside."""

    def _write_to_self(self) -> None:
        """Nobody wakes the loop from another thread."""

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.fallen.append(f"{context['message']}: {error!r}")


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in simulated time; what it leaves running is cancelled."""
    loop = VirtualLoop()
    previous = events._get_running_loop()
    events._set_running_loop(None)
    try:
        asyncio.set_event_loop(loop)
        context = contextvars.copy_context()
        task = context.run(loop.create_task, main(loop))
        try:
            return loop.run_until_complete(task)
        finally:
            _cancel_rest(loop)
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        events._set_running_loop(previous)


def _cancel_rest(loop: VirtualLoop) -> None:
    rest = asyncio.all_tasks(loop)
    for task in rest:
        task.cancel()
    if rest:
        loop.run_until_complete(asyncio.wait(rest, timeout=1))


def date_of(now_ms: int) -> date:
    """Return the day of a moment in the office."""
    return date.fromisoformat(format_time(now_ms)[:10])


class BoxClock:
    """The clocks of one box: `mono` runs, the wall clock says what it was set to.

    Follows `agent.clock.Clock`. `skew_ms` is how far the wall clock is off; `believed` is what the
    kernel and the rules of `agent.clock` would say of it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, boot: int = 0, skew_ms: int = 0) -> None:
        self._loop = loop
        self._since_s = loop.time()
        self._boot = boot
        self.skew_ms = skew_ms

    def now_ms(self) -> int:
        """What the wall clock shows."""
        return START_MS + self.skew_ms + round(self._loop.time() * 1_000)

    def mono_ms(self) -> int:
        """Milliseconds since this boot."""
        return 60_000 + round((self._loop.time() - self._since_s) * 1_000)

    def state(self) -> ClockState:
        """Whether the wall clock is believed."""
        return "suspect" if abs(self.skew_ms) > 60_000 else "trusted"

    @property
    def boot_id(self) -> bytes:
        """The name of this boot."""
        return f"00000000-0000-4000-8000-{self._boot:012}".encode()


__all__ = ["START_MS", "BoxClock", "Stuck", "VirtualLoop", "run"]
