"""All children of one sandbox: started one by one, ended together."""

import asyncio
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Any, Self

from provisioning.sandbox.children import Child


class Household:
    """Runs children until it is left; then all of them end side by side."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await cancelled(self._tasks)

    def start(self, child: Child) -> asyncio.Task[None]:
        """Start a child; it is restarted when it dies."""
        task = asyncio.create_task(child.run(), name=f"child {child.name}")
        self._tasks.append(task)
        return task

    async def stop(self, task: asyncio.Task[None]) -> None:
        """End one child before the others."""
        self._tasks.remove(task)
        await cancelled([task])


async def cancelled(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until they are over; raises what one of them raised by itself."""
    tasks = tuple(tasks)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


async def side_by_side(works: Iterable[Coroutine[Any, Any, None]], *, at_once: int) -> None:
    """Do all works, at most `at_once` at a moment; the first failure ends the others."""
    gate = asyncio.Semaphore(at_once)

    async def gated(work: Coroutine[Any, Any, None]) -> None:
        try:
            async with gate:
                await work
        finally:
            work.close()

    tasks = [asyncio.create_task(gated(work), name="sandbox work") for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        await asyncio.gather(*_ended(tasks), return_exceptions=True)


def _ended(tasks: Iterable[asyncio.Task[None]]) -> tuple[asyncio.Task[None], ...]:
    tasks = tuple(tasks)
    for task in tasks:
        task.cancel()
    return tasks
