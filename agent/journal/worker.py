"""A connection that lives on a thread of its own and runs whole functions there."""

import asyncio
from collections.abc import Callable
from typing import TypeVar, cast

import aiosqlite

from agent.journal.database import Connection, Connector

T = TypeVar("T")


class Worker(aiosqlite.Connection):
    """An aiosqlite connection that runs one function per hop to its thread, not one statement.

    A batch of a hundred commands is some four hundred statements: a hop for each would cost more
    than the statements.
    """

    def __init__(self, connector: Connector, name: str) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._thread.name = name

    @classmethod
    async def start(cls, connector: Connector, name: str) -> "Worker":
        """Open the connection on its thread. Raises what `connector` raises; no thread is left."""
        worker = cls(connector, name)
        try:
            return cast("Worker", await worker)
        except BaseException:
            await asyncio.to_thread(worker._thread.join)  # it ends by itself, but with this loop
            raise

    @property
    def is_open(self) -> bool:
        """Whether the connection stands."""
        return self._connection is not None

    async def end(self) -> None:
        """Close the connection and let the thread end; again does nothing."""
        if self.is_open:
            await self.close()

    async def run(self, function: Callable[[Connection], T]) -> T:
        """Run `function(connection)` on the thread and return what it returns.

        Once begun it runs to its end, also when the waiter is cancelled.
        """
        connection = self._conn
        result: T = await self._execute(function, connection)  # type: ignore[no-untyped-call]
        return result
