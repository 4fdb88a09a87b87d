"""How many exchanges run at once: when a province's power comes back, everybody calls.

Those beyond the limit are sent away with `busy` and a time to come again, spread by chance. That
keeps the answer quick for those inside, and the memory bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from wire.problems import Refusal

IN_FLIGHT_MAX = 64  # each holds a message of at most 2 MiB and what is inflated from it


class Admission:
    """Counts who is inside. Not for threads: the event loop alone asks."""

    def __init__(self, places: int = IN_FLIGHT_MAX) -> None:
        self._free = places

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Take a place for the length of the block. Raises Refusal busy when none is free."""
        if self._free == 0:
            raise Refusal("busy")
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
