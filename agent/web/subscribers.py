"""Telling many listeners without waiting for any of them."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Generic, TypeVar

from agent.web.limits import STREAM_QUEUE_MAX

T = TypeVar("T")


class Subscribers(Generic[T]):
    """Listeners with a bounded queue each: a slow one loses the oldest, nobody else notices."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[T]] = set()

    def tell(self, item: T) -> None:
        """Put `item` into every queue; never waits."""
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(item)

    @contextlib.contextmanager
    def queue(self) -> Iterator[asyncio.Queue[T]]:
        """Listen while the block runs."""
        queue: asyncio.Queue[T] = asyncio.Queue(STREAM_QUEUE_MAX)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)
