"""Databases without threads: what their threads would do is done at once, in the same order.

`aiosqlite` gives each connection a thread and a queue. Here the queue runs each function as it is
put in, and hands its result over after a simulated moment. Whose connection it is says `OWNER`, a
context variable that every task inherits from the program (a `Life`) it belongs to: a dead
program's functions are never run and never answered.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import aiosqlite.core
import pytest


class Owner(Protocol):
    """The program a connection belongs to."""

    connections: list[aiosqlite.core.Connection]

    @property
    def dead(self) -> bool:
        """Whether it was killed: nothing it does counts any more."""
        ...

    def moment_s(self) -> float:
        """How long the next answer of a database takes, seconds."""
        ...


OWNER: contextvars.ContextVar[Owner] = contextvars.ContextVar("owner")


class _Queue:
    """In the place of a thread's queue."""

    def __init__(self) -> None:
        self._owner = OWNER.get(None)

    def put_nowait(self, item: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        """Run the function and let its result be known."""
        future, function = item
        owner = self._owner
        if owner is not None and owner.dead:
            return
        try:
            result, error = function(), None
        except BaseException as raised:
            result, error = None, raised
        if future is None or (owner is not None and owner.dead):
            return
        self._answer(future, result, error, 0.0 if owner is None else owner.moment_s())

    def _answer(
        self, future: asyncio.Future[Any], result: Any, error: BaseException | None, wait_s: float
    ) -> None:
        loop = future.get_loop()
        deliver: Callable[..., None] = (
            aiosqlite.core.set_result if error is None else aiosqlite.core.set_exception
        )
        told = result if error is None else error
        if wait_s > 0:
            loop.call_later(wait_s, deliver, future, told)
        else:
            loop.call_soon(deliver, future, told)


class _NoThread:
    """In the place of a connection's thread."""

    name = ""
    daemon = True

    def __init__(self, **_how: Any) -> None:
        """Nothing is started."""

    def start(self) -> None:
        """Nothing to start."""

    def join(self) -> None:
        """Nothing to wait for."""


@contextmanager
def without_threads() -> Iterator[None]:
    """Let every aiosqlite connection that is made meanwhile run inline."""
    made = aiosqlite.core.Connection.__init__

    def make(self: aiosqlite.core.Connection, *args: Any, **how: Any) -> None:
        made(self, *args, **how)
        owner = OWNER.get(None)
        if owner is not None:
            owner.connections.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiosqlite.core, "SimpleQueue", _Queue)
        patch.setattr(aiosqlite.core, "Thread", _NoThread)
        patch.setattr(aiosqlite.core.Connection, "__init__", make)
        yield


def drop(connection: aiosqlite.core.Connection) -> None:
    """Let go of a dead program's connection."""
    raw, connection._connection = connection._connection, None
    connection._running = False
    if raw is not None:
        raw.close()
