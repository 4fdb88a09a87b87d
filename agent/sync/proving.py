"""When to ask for a receipt statement (docs/protocol.md section 11, `prove`).

A full answer brings one by itself, a short one only when asked. It is asked for as soon as the
newest is half a day old, so that with polls twice an hour none grows older than a day, and at once
when somebody is about to rely on it: before a backup, before anything is deleted.
"""

from __future__ import annotations

import asyncio
from typing import Final

from wire.limits import IDLE_POLL_S, PROOF_AGE_S_MAX

RENEW_MS: Final = PROOF_AGE_S_MAX * 1_000 // 2
PAUSE_MS: Final = IDLE_POLL_S * 1_000
"""A province that gives none is asked no more often than it is polled."""


class Proving:
    """Whether the next message asks. Used on the event loop only."""

    def __init__(self) -> None:
        self.asked = False
        """Somebody waits for a statement."""
        self._tried_ms: int | None = None
        self._kept = asyncio.Event()

    def is_due(self, kept_ms: int | None, now_ms: int, mono_ms: int) -> bool:
        """Whether to ask now; `kept_ms`: when the newest was kept, by the wall clock.

        A clock that went back makes its age unknown, and that is a reason to ask.
        """
        if self.asked:
            return True
        if kept_ms is not None and 0 <= now_ms - kept_ms < RENEW_MS:
            return False
        return self._tried_ms is None or mono_ms - self._tried_ms >= PAUSE_MS

    def in_vain(self, mono_ms: int) -> None:
        """A message that asks was answered without a statement."""
        self._tried_ms = mono_ms

    def ask(self) -> asyncio.Event:
        """Ask with the next message; the event is set as soon as a statement is kept."""
        self.asked = True
        return self._kept

    def kept(self) -> None:
        """A statement is durable."""
        self.asked = False
        self._kept.set()
        self._kept = asyncio.Event()
