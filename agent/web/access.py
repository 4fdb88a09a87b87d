"""Who may use which route. Every route is closed until it says otherwise.

A route's `access` (in its `opt`):
    open     without a session: sign-in, lobby, health, static files
    bearer   a token of its own, which the route checks
    session  the default: through TCP a signed-in user, and for anything but GET and HEAD the
             session's CSRF token; through the Unix socket the file's mode has decided
    socket   through the Unix socket only

A raw route says in `method` which one it answers; of others the framework knows that itself.
A route with `background` is fetched by pages themselves and does not keep a session awake.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, cast

from litestar.connection import ASGIConnection
from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import BaseRouteHandler
from litestar.types import Scope

from agent.clock import Clock
from agent.web.door import STATE_DOOR
from agent.web.sessions import Session, Sessions, csrf_matches
from agent.web.texts import TEXTS, cookie_of
from wire.problems import Refusal

Access: TypeAlias = Literal["open", "bearer", "session", "socket"]

SESSION_COOKIE: Final = "session"
CSRF_HEADER: Final = b"x-csrf-token"
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
STATE_CALLER: Final = "caller"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the session's user through TCP; nobody by name through the socket."""

    through_socket: bool
    session: Session | None

    @property
    def actor(self) -> str | None:
        """The name that stands in events; None: the command says it (socket only)."""
        return None if self.session is None else self.session.user


class Guard:
    """Litestar guard of all routes."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], route: BaseRouteHandler
    ) -> None:
        """Let the request in and note who asks, or raise the Refusal."""
        scope = connection.scope
        access = cast("Access", route.opt.get("access", "session"))
        through_socket = scope["state"][STATE_DOOR] == "socket"
        session = None
        if access == "session" and not through_socket:
            session = self._signed_in(scope, use=not route.opt.get("background", False))
        elif access == "socket" and not through_socket:
            raise Refusal("role-forbidden", TEXTS["access.socket-only"])
        elif access == "open" and not through_socket:
            session = find_session(scope, self._sessions, self._clock.mono_ms(), use=False)
        scope["state"][STATE_CALLER] = Caller(through_socket, session)
        method = route.opt.get("method")
        if method is not None and method != scope.get("method"):
            raise MethodNotAllowedException(headers={"allow": method})

    def _signed_in(self, scope: Scope, *, use: bool) -> Session:
        session = find_session(scope, self._sessions, self._clock.mono_ms(), use=use)
        if session is None:
            raise Refusal("not-signed-in")
        method = cast("str", scope.get("method", "GET"))
        if method not in SAFE_METHODS and not csrf_matches(session, header(scope, CSRF_HEADER)):
            raise Refusal("csrf")
        return session


def find_session(scope: Scope, sessions: Sessions, now_ms: int, *, use: bool) -> Session | None:
    """Return the session whose cookie a request carries."""
    token = session_token(scope)
    return None if token is None else sessions.find(token, now_ms, use=use)


def session_token(scope: Scope) -> str | None:
    """Return the value of the session cookie."""
    cookies = header(scope, b"cookie")
    return None if cookies is None else cookie_of(cookies.encode("latin-1"), SESSION_COOKIE)


def header(scope: Scope, name: bytes) -> str | None:
    """Return a header of a request, by its name in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return None


def caller_of(scope: Scope) -> Caller:
    """Return who asks, as the guard found it."""
    return cast("Caller", scope["state"][STATE_CALLER])
