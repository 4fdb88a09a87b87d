"""The rebuild of the views, as a room of the daemon: what was begun is finished.

While the views are not whole no command is decided, so a disk that was full for a moment must not
leave them so until somebody starts the daemon anew, nor end the daemon.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from agent.journal import Journal
from agent.patient import until_recorded
from agent.views.projector import Views
from agent.views.rebuild import rebuild


class Rebuilding:
    """Rebuilds the views, one rebuild at a time."""

    def __init__(self, journal: Journal, views: Views, progress: Callable[[], None]) -> None:
        """`progress` is told after each batch, and when the views are whole."""
        self._journal, self._views, self._progress = journal, views, progress
        self._one = asyncio.Lock()
        self._unfinished = asyncio.Event()
        if views.stale:
            self._unfinished.set()

    async def run(self) -> None:
        """Finish what was begun, as soon as the disk lets it; until cancelled."""
        while True:
            await self._unfinished.wait()
            self._unfinished.clear()
            await until_recorded(partial(self._rebuild, anew=False))

    async def anew(self) -> int:
        """Build the views anew; return the number of events they were built from.

        Raises Refusal as `Journal.write`; what was begun is left to `run` then.
        """
        try:
            await self._rebuild(anew=True)
        except BaseException:  # a cancelled job may still run
            self._unfinished.set()
            raise
        return self._journal.marks.pos

    async def _rebuild(self, *, anew: bool) -> None:
        async with self._one:
            await rebuild(self._journal, self._views, lambda _: self._progress(), anew=anew)
        self._progress()
