"""Who is signed in at which browser: sessions in memory, so that a restart signs everybody out.

Only the SHA-256 of a session's token is kept. A session idles out (the counter locks itself) and
ends after a shift whatever happens; what a page fetches by itself does not keep it awake.
Time comes in as monotonic milliseconds.
"""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.web.limits import SESSION_AGE_S_MAX, SESSION_IDLE_S, SESSIONS_MAX

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in user at one browser; `csrf` must accompany every call that changes something.

    `counter` is the one the browser stands at, None at no counter.
    """

    user: str
    role: str
    csrf: str
    display: str
    opened_ms: int
    used_ms: int
    counter: int | None = None


class Sessions:
    """All open sessions of this daemon."""

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._open: OrderedDict[bytes, Session] = OrderedDict()

    def open(
        self, user: str, role: str, display: str, now_ms: int, counter: int | None = None
    ) -> tuple[str, Session]:
        """Begin a session; returns its token, which nobody can read back, and the session."""
        token = self._random(TOKEN_BYTES).hex()
        session = Session(
            user, role, self._random(TOKEN_BYTES).hex(), display, now_ms, now_ms, counter
        )
        while len(self._open) >= SESSIONS_MAX:
            self._open.popitem(last=False)
        self._open[_digest(token)] = session
        return token, session

    def find(self, token: str, now_ms: int, *, use: bool = True) -> Session | None:
        """Return the session of a token, or None when there is none (any more).

        With `use` the idle time begins anew; what a page asks for by itself passes False.
        """
        key = _digest(token)
        session = self._open.get(key)
        if session is None:
            return None
        if not _alive(session, now_ms):
            del self._open[key]
            return None
        if use:
            session = self._open[key] = replace(session, used_ms=now_ms)
            self._open.move_to_end(key)
        return session

    def close(self, token: str) -> None:
        """End one session."""
        self._open.pop(_digest(token), None)

    def close_user(self, user: str) -> None:
        """End every session of a user: disabled, or with a new PIN."""
        for key in [key for key, session in self._open.items() if session.user == user]:
            del self._open[key]


def csrf_matches(session: Session, given: str | None) -> bool:
    """Compare the token of a call with the session's in constant time."""
    return given is not None and hmac.compare_digest(
        session.csrf.encode(), given.encode("utf-8", "replace")
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _alive(session: Session, now_ms: int) -> bool:
    return (
        now_ms - session.used_ms < SESSION_IDLE_S * 1000
        and now_ms - session.opened_ms < SESSION_AGE_S_MAX * 1000
    )
