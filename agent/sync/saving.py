"""What the line may carry now: rules, bytes counted and a person's wish, brought together."""

from __future__ import annotations

from functools import partial

from agent.clock import Clock
from agent.journal import Journal
from agent.sync.meter import Meter
from agent.sync.pressing import any_pressing
from agent.sync.thrift import ASKED_MS, Holding, Rules, judge


class Saving:
    """Asked before each thing that could wait; on the event loop alone."""

    def __init__(self, clock: Clock, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.meter = Meter(clock)
        self._clock = clock
        self._asked_ms: int | None = None

    def asked(self) -> None:
        """A person wants everything sent: hold nothing for a while."""
        self._asked_ms = self._clock.mono_ms()

    def holding(self) -> Holding:
        """Return what waits at this moment."""
        now_ms = self._clock.now_ms()
        return judge(self.rules, self.meter.today_bytes, now_ms, asked=self._is_asked())

    def lets_go(self, *, urgent: bool) -> bool:
        """Whether a document may go now."""
        documents = self.holding().documents
        return documents == "go" or (documents == "urgent" and urgent)

    async def presses(self, journal: Journal, after: int) -> bool:
        """Whether a record behind `after` goes at once; only looked for while others wait."""
        if not self.holding().rarely:
            return False
        query = partial(any_pressing, journal=journal.marks.office, after=after)
        return await journal.read(query)

    def _is_asked(self) -> bool:
        since_ms = self._asked_ms
        return since_ms is not None and self._clock.mono_ms() - since_ms < ASKED_MS
