"""Who is signed in at which browser: in memory, so that a restart signs everybody out.

A session is good as long as its person has the same password and is not disabled; each request
compares (`server.access`), because another process may have changed that. Only the SHA-256 of a
session's token is kept. A session idles out, and ends after a working day whatever happens. Times
are milliseconds since the epoch.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from server.users import Person

TOKEN_BYTES: Final = 32
IDLE_MS_MAX: Final = 60 * 60 * 1000
AGE_MS_MAX: Final = 12 * 60 * 60 * 1000
SESSIONS_MAX: Final = 1_000  # of one process; the one unused for longest makes room


class Session(Struct, frozen=True, kw_only=True):
    """A person at one browser; `csrf` must accompany every call that changes something."""

    user: str
    person: Person
    csrf: str
    opened_ms: int
    used_ms: int


class Sessions:
    """All open sessions of this process."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random = random_bytes
        self._open: OrderedDict[bytes, Session] = OrderedDict()

    def open(self, user: str, person: Person, now_ms: int) -> str:
        """Begin a session and return its token, which nobody can read back."""
        token = self._random(TOKEN_BYTES).hex()
        while len(self._open) >= SESSIONS_MAX:
            self._open.popitem(last=False)
        self._open[_digest(token)] = Session(
            user=user,
            person=person,
            csrf=self._random(TOKEN_BYTES).hex(),
            opened_ms=now_ms,
            used_ms=now_ms,
        )
        return token

    def find(self, token: str, now_ms: int) -> Session | None:
        """Return the session of a token and note that it is used; None when there is none."""
        key = _digest(token)
        session = self._open.get(key)
        if session is None:
            return None
        if now_ms - session.used_ms >= IDLE_MS_MAX or now_ms - session.opened_ms >= AGE_MS_MAX:
            del self._open[key]
            return None
        session = self._open[key] = replace(session, used_ms=now_ms)
        self._open.move_to_end(key)
        return session

    def close(self, token: str) -> None:
        """End one session."""
        self._open.pop(_digest(token), None)


def csrf_matches(session: Session, given: str | None) -> bool:
    """Compare the token of a call with the session's in constant time."""
    return given is not None and hmac.compare_digest(
        session.csrf.encode(), given.encode("utf-8", "replace")
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
