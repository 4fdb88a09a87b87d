"""One run of a program on its disk, from its start to its end, however it ends.

Everything a program does happens in tasks that belong to its `Life`. When it is killed, or its
power goes, nothing of it runs any more, and what is left of its files is an image to go on from.
"""

from __future__ import annotations

import asyncio
import contextvars
import shutil
from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import aiosqlite.core

from tests.simulation.disk import Cut, Image, forget, watch
from tests.simulation.inline import OWNER, drop

T = TypeVar("T")

CANCELS_MAX = 100
"""A task that is still there after so many cancellations waits for what no dead program gets."""
QUICK = 0.9
"""Share of a database's answers that come within the same moment."""
WAITS_S = (0.001, 0.02, 0.4)


class Dead(Exception):  # noqa: N818 - a state
    """The program died before it answered."""


class Life:
    """One run of a program whose files lie in `folder`."""

    def __init__(self, name: str, folder: Path, random: Random) -> None:
        self.name, self.folder = name, folder
        self.connections: list[aiosqlite.core.Connection] = []
        self.tasks: set[asyncio.Task[Any]] = set()
        self.left: Image | None = None
        """What is left of its files, once it is dead."""
        self.link: Any = None
        """The line of a program that has one."""
        self._random = random
        self._loop = asyncio.get_running_loop()
        self._death: asyncio.Future[Any] = self._loop.create_future()
        self._context = contextvars.copy_context()
        self._context.run(OWNER.set, self)
        self.disk = watch(folder, random)
        self.disk.struck = self._struck

    @property
    def dead(self) -> bool:
        """Whether it runs no more."""
        return self.left is not None

    def moment_s(self) -> float:
        """How long the next answer of its database takes, seconds."""
        return 0.0 if self._random.random() < QUICK else self._random.choice(WAITS_S)

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Begin a task of this program."""
        return self._loop.create_task(work, name=f"{self.name} {name}", context=self._context)

    async def ask(self, work: Coroutine[Any, Any, T], name: str) -> T:
        """Return what a task of this program returns. Raises Dead if it dies first."""
        if self.dead:
            work.close()
            raise Dead(self.name)
        task = self.spawn(work, name)
        task.add_done_callback(hear)  # who asked may be gone by then
        either: set[asyncio.Future[Any]] = {task, self._death}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._death.done() or task.cancelled():
            raise Dead(self.name)
        return task.result()

    def die(self, how: Cut) -> None:
        """Kill it now (`kill`), or let its power go."""
        if not self.dead:
            self._struck(self.disk.image(how))

    def _struck(self, image: Image) -> None:
        if not self.dead:  # nobody dies twice
            self.left = image
            self._death.set_result(None)

    async def bury(self) -> Image:
        """End what is left of a dead program and return what is left of its files."""
        for _ in range(CANCELS_MAX):
            rest = [task for task in self.tasks if not task.done()]
            if not rest:
                break
            for task in rest:
                task.cancel()
            await asyncio.sleep(0)
        self._let_go()
        if self.left is None:
            raise RuntimeError(f"{self.name} lives")
        return self.left

    async def end(self) -> Image:
        """Take a program that has closed its files by itself off its disk."""
        self._struck(self.disk.image("kill"))
        return await self.bury()

    def _let_go(self) -> None:
        forget(self.disk)
        for connection in self.connections:
            drop(connection)
        self.connections.clear()
        shutil.rmtree(self.folder)


def hear(task: asyncio.Task[Any]) -> None:
    """Take note of how a task ended that nobody waits for."""
    if not task.cancelled():
        task.exception()


def tasks_know_their_owner(loop: asyncio.AbstractEventLoop) -> None:
    """Let every task be known to the life it belongs to."""

    def make(loop: asyncio.AbstractEventLoop, work: Any, **how: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **how)
        context: contextvars.Context | None = how.get("context")
        owner = OWNER.get(None) if context is None else context.get(OWNER)
        if isinstance(owner, Life):
            owner.tasks.add(task)  # a dead program's are held by nobody else
            task.add_done_callback(owner.tasks.discard)
        return task

    loop.set_task_factory(make)
