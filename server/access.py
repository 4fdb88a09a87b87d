"""Who may use which route. Every route is closed until it says otherwise.

A route's `access` (in its `opt`):
    open      without any proof: devices prove themselves in their messages; static files,
              the description of the routes
    page      without any proof, but by the same host the browser shows: sign-in, language
    feed      a bearer token of scope `feed`
    reports   a bearer token of scope `reports`
    any       a bearer token of any scope, or a person who is signed in
    session   the default: a person who is signed in, by the same host the browser shows, and for
              anything but GET and HEAD the session's CSRF token

A token of scope `admin` opens the others too (`server.tokens.check`).
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Final, Literal, TypeAlias, cast
from urllib.parse import urlsplit

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from server import tokens, users
from server.config import Config
from server.context import ServerContext
from server.web.sessions import Session, Sessions, csrf_matches
from wire.problems import Refusal

Access: TypeAlias = Literal["open", "page", "feed", "reports", "any", "session"]
Connection = ASGIConnection[Any, Any, Any, Any]

SESSION_COOKIE: Final = "session"
CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf"
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
ANYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


async def guard(connection: Connection, route: BaseRouteHandler) -> None:
    """Let a request in, or raise the Refusal; for all routes of the application."""
    context: ServerContext = connection.app.state.context
    access = cast("Access", route.opt.get("access", "session"))
    if access in ("feed", "reports"):
        await _bearer(connection, context, access)
    elif access == "any" and "authorization" in connection.headers:
        await _any_bearer(connection, context)
    elif access != "open":
        same_host(connection, context.config)
        if access != "page":
            await _signed_in(connection, context)


async def _bearer(connection: Connection, context: ServerContext, scope: tokens.Scope) -> None:
    header = connection.headers.get("authorization")
    async with context.store.read() as conn:
        await tokens.check(conn, header, scope, context.now_ms())


async def _any_bearer(connection: Connection, context: ServerContext) -> None:
    try:
        await _bearer(connection, context, "reports")
    except Refusal as refusal:
        if refusal.code != "scope-forbidden":
            raise
        await _bearer(connection, context, "feed")


async def _signed_in(connection: Connection, context: ServerContext) -> None:
    session = session_of(connection, context.now_ms())
    if session is None:
        raise Refusal("not-signed-in")
    async with context.store.read() as conn:
        person = await users.present(conn, session.user)
    if person != session.person:  # a new password or role, or disabled
        sessions: Sessions = connection.app.state.sessions
        sessions.close(connection.cookies[SESSION_COOKIE])
        raise Refusal("not-signed-in")
    if connection.scope.get("method") not in SAFE_METHODS:
        given = connection.headers.get(CSRF_HEADER) or await _csrf_field(connection)
        if not csrf_matches(session, given):
            raise Refusal("csrf")


async def _csrf_field(connection: Connection) -> str | None:
    """Return the token a form carries; reading a form twice costs nothing, it is kept."""
    if not isinstance(connection, Request):
        return None
    field = (await connection.form()).get(CSRF_FIELD)
    return field if isinstance(field, str) else None


def session_of(connection: Connection, now_ms: int) -> Session | None:
    """Return the session whose cookie a request carries, None without a live one."""
    sessions: Sessions = connection.app.state.sessions
    token = connection.cookies.get(SESSION_COOKIE)
    return None if token is None else sessions.find(token, now_ms)


def same_host(connection: Connection, config: Config) -> None:
    """Refuse a request to a foreign name, or one sent by a page of another site.

    The server answers to the host of `public_url` and to the one it listens on; one that listens
    everywhere is known by any address, but never by a name that others own.
    """
    host = connection.headers.get("host", "")
    if not is_ours(host, config):
        raise Refusal("origin-foreign")
    origin = connection.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        raise Refusal("origin-foreign")
    if connection.headers.get("sec-fetch-site") == "cross-site" and (
        connection.scope.get("method") not in SAFE_METHODS
    ):
        raise Refusal("origin-foreign")


def is_ours(host: str, config: Config) -> bool:
    """Return whether a `Host` header names this server."""
    name, port = _split(host)
    public = urlsplit(config.public_url)
    if host == public.netloc:
        return True
    if config.port not in (0, port):
        return False
    known = {config.host, "localhost", "127.0.0.1", "::1"}
    return name in known or (config.host in ANYWHERE and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _split(host: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname or "", parts.port or 80
    except ValueError:
        return "", 0
