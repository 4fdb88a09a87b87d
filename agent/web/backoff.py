"""Waiting between wrong PINs, for each user name by itself.

A counter is shared: what one name gets wrong must never keep the others out, so there is no
common lock, and no wait is longer than a minute. Names are compared as they are looked up.
Time comes in as monotonic milliseconds.
"""

from collections import OrderedDict
from dataclasses import dataclass

from agent.web.limits import LOGIN_FREE_TRIES, LOGIN_NAMES_MAX, LOGIN_WAIT_S_MAX


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    open_from_ms: int


class LoginBackoff:
    """Remembers the failures of the last names that failed."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, _Failures] = OrderedDict()

    def wait_s(self, user: str, now_ms: int) -> int:
        """Seconds until this name may try again; 0: now."""
        failures = self._failed.get(user)
        if failures is None or failures.open_from_ms <= now_ms:
            return 0
        return -(-(failures.open_from_ms - now_ms) // 1000)

    def failed(self, user: str, now_ms: int) -> None:
        """Count a wrong PIN: the first ones are free, then 2, 4, 8 … seconds, a minute at most."""
        before = self._failed.pop(user, None)
        count = 1 if before is None else before.count + 1
        paid = count - LOGIN_FREE_TRIES + 1
        wait_s = min(2 ** min(paid, 16), LOGIN_WAIT_S_MAX) if paid > 0 else 0
        self._failed[user] = _Failures(count, now_ms + wait_s * 1000)
        while len(self._failed) > LOGIN_NAMES_MAX:
            self._failed.popitem(last=False)

    def succeeded(self, user: str) -> None:
        """Forget the failures of a name."""
        self._failed.pop(user, None)
