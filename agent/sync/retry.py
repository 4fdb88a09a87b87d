"""How long to wait: before trying again, and before asking for news.

The waits are tenacity's exponential ones with full jitter: when a province's power comes back, a
thousand offices must not knock in the same second. Randomness comes in, so that a simulation can
repeat a run.
"""

from __future__ import annotations

from random import Random

from tenacity import RetryCallState, Retrying, wait_exponential

from agent.sync.faults import Fault
from wire.limits import IDLE_POLL_S, NEXT_AFTER_S_MAX, RETRY_S_MAX, RETRY_S_MIN

PERSON_WAIT_MAX_S = 1_800
"""Until a person acted an answer will hardly change: then only as often as an idle office."""
POLL_SPREAD = 1 / 6
"""Share of the pause over which idle offices are strewn, so that they do not ask all at once."""
QUIET_OVER_S_MAX = 300
"""Offices whose quiet hours end with the same minute ask strewn over this long."""
SERVER_WAIT_SPREAD = 0.1
"""A Retry-After names the same second to everybody; this share of it is added at random."""


class FullJitter(wait_exponential):
    """tenacity's `wait_random_exponential` with the randomness handed in."""

    def __init__(self, random: Random, *, min_s: float, max_s: float) -> None:
        super().__init__(multiplier=2, max=max_s, min=min_s)
        self._random = random

    def __call__(self, retry_state: RetryCallState) -> float:
        """Return seconds, evenly drawn from the least wait to the window of this attempt."""
        return self._random.uniform(self.min, super().__call__(retry_state))


class Delays:
    """All waits of the sync engine, in milliseconds."""

    def __init__(self, random: Random, *, poll_s: int = IDLE_POLL_S) -> None:
        self._random = random
        self._poll_s = poll_s
        self._state = RetryCallState(Retrying(), None, (), {})
        self._retry = FullJitter(random, min_s=RETRY_S_MIN, max_s=RETRY_S_MAX)
        self._person = FullJitter(random, min_s=RETRY_S_MIN, max_s=PERSON_WAIT_MAX_S)

    def retry_ms(self, fault: Fault, attempt: int, retry_after_s: int | None = None) -> int:
        """Return the wait after the `attempt`-th failure in a row (from 1).

        What a server asked for (`Retry-After`) overrides, up to six hours.
        """
        if retry_after_s is not None:
            asked_s = min(max(retry_after_s, RETRY_S_MIN), NEXT_AFTER_S_MAX)
            spread_s = self._random.uniform(0, asked_s * SERVER_WAIT_SPREAD)
            return round(min(asked_s + spread_s, NEXT_AFTER_S_MAX) * 1_000)
        self._state.attempt_number = attempt
        passes = fault.of_the_line or fault.consequence == "retry"
        wait = self._retry if passes else self._person
        return round(wait(self._state) * 1_000)

    def poll_ms(self, next_after_s: int = 0) -> int:
        """Return the wait of an office with nothing to send; 0: the province has no wish."""
        if next_after_s > 0:
            return min(next_after_s, NEXT_AFTER_S_MAX) * 1_000
        return round(self._poll_s * self._random.uniform(1, 1 + POLL_SPREAD) * 1_000)

    def after_quiet_ms(self, quiet_ms: int) -> int:
        """Return the wait of an office with nothing to send that is quiet for so long yet."""
        return quiet_ms + round(self._random.uniform(0, QUIET_OVER_S_MAX) * 1_000)
