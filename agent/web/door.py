"""What every request passes first: which door it came through, its Host, its Origin.

Two doors lead in. Through the Unix socket comes whom the file's mode lets in; no browser can.
Through TCP comes any page that a browser of this machine (or of the office LAN) has open, so
that Host must be one of ours (DNS rebinding) and Origin, when there is one, the page's own
(cross-site requests), before anything else of the request is looked at.
Every answer leaves with the headers that keep a page from running what it was not served.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from agent.web.answers import problem_bytes
from wire.problems import Refusal
from wire.texts import accept_language

Way: TypeAlias = Literal["socket", "tcp"]

STATE_DOOR: Final = "door"
STATE_STOP: Final = "stop"

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Referrer-Policy is not no-referrer: browsers then send `Origin: null` with our own forms.
SECURITY_HEADERS: Final[Mapping[bytes, bytes]] = {
    b"content-security-policy": CONTENT_SECURITY_POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), usb=(), serial=()",
    b"cache-control": b"no-store",
}


class Door:
    """ASGI application around the local API, one for each listening socket."""

    def __init__(
        self, app: ASGIApp, way: Way, stop: asyncio.Event, hosts: frozenset[str] = frozenset()
    ) -> None:
        """`hosts`: the values of Host that are ours, in lower case, with the port.

        `stop` tells answers that never end by themselves when they must.
        """
        self._app = app
        self._stop = stop
        self._way = way
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge Host and Origin, then let the request in."""
        if scope["type"] != ScopeType.HTTP:
            return  # no web sockets here; a server without lifespan events asks nothing else
        headers = _headers(scope)
        send = _with_security_headers(send)
        if not self._is_ours(headers):
            await _refuse(headers, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})
        state[STATE_DOOR] = self._way
        state[STATE_STOP] = self._stop
        await self._app(scope, receive, send)

    def _is_ours(self, headers: Mapping[bytes, bytes]) -> bool:
        origin = headers.get(b"origin")
        if self._way == "socket":
            return origin is None
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if host not in self._hosts:
            return False
        if headers.get(b"sec-fetch-site") in {b"cross-site", b"same-site"}:
            return _is_top_navigation(headers)
        return origin is None or origin.decode("latin-1").lower() in {
            f"http://{host}",
            f"https://{host}",
        }


def allowed_hosts(port: int, hostname: str) -> frozenset[str]:
    """Names under which the TCP door is known: this machine, and the office's name for it."""
    names = {"127.0.0.1", "localhost", "[::1]", hostname.lower()} - {""}
    with_port = {f"{name}:{port}" for name in names}
    return frozenset(with_port | names) if port in {80, 443} else frozenset(with_port)


def _is_top_navigation(headers: Mapping[bytes, bytes]) -> bool:
    """Tell whether somebody followed a link to us: harmless, for it can neither send nor read."""
    return headers.get(b"sec-fetch-mode") == b"navigate" and b"origin" not in headers


def _headers(scope: Scope) -> dict[bytes, bytes]:
    """Headers by lower-case name. A name given twice is an attempt at something: empty value."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        found[name] = b"" if name in found and name in {b"host", b"origin"} else value
    return found


def _with_security_headers(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            present = {name.lower() for name, _ in headers}
            headers += [pair for pair in SECURITY_HEADERS.items() if pair[0] not in present]
            message["headers"] = headers
        await send(message)

    return guarded


async def _refuse(headers: Mapping[bytes, bytes], send: Send) -> None:
    lang = accept_language(headers.get(b"accept-language", b"").decode("latin-1"))
    status, body = problem_bytes(Refusal("origin-foreign"), lang)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/problem+json"),
                (b"content-language", lang.encode()),
                (b"connection", b"close"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
