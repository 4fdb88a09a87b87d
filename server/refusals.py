"""How a refusal leaves over HTTP: a problem document (RFC 9457) in the reader's language."""

from __future__ import annotations

from traceback import extract_tb
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from server.context import ServerContext
from server.rates import TooOften
from server.store.transient import FAULTS, is_transient
from wire.problems import Refusal
from wire.texts import accept_language

PROBLEM_TYPE = "application/problem+json"
BUSY_S = 15  # a database that did not answer now may in this time; spread over twice as long

DEVICE_PATHS = frozenset({"/v1/exchange", "/v1/enrolments", "/v1/province"})
"""Here answers carry status, Content-Type, Content-Length and Retry-After, nothing else
(docs/protocol.md section 5): a line that costs by the byte pays for no header nobody reads."""

FRAMES_LOGGED = 5

_log = structlog.get_logger("server")

AnyRequest = Request[Any, Any, State]


def refused(request: AnyRequest, refusal: Refusal) -> Response[bytes]:
    """Return the problem document of a refusal; `busy` and `rate-limited` say when to come back.

    A 401 names no scheme to a device: what it sends proves itself, and no header would help.
    """
    lang = accept_language(request.headers.get("accept-language"))
    document = refusal.document(lang)
    path = request.url.path
    headers: dict[str, str] = {}
    if path not in DEVICE_PATHS:
        headers["Content-Language"] = lang
        if document.status == 401 and path.startswith("/v1/"):
            headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 section 15.5.2
    if isinstance(refusal, TooOften):
        headers["Retry-After"] = str(refusal.retry_after_s)
    elif document.status == 503:
        context: ServerContext = request.app.state.context
        headers["Retry-After"] = str(BUSY_S + context.jitter.randrange(BUSY_S))
    return Response(
        msgspec.json.encode(document),
        status_code=document.status,
        media_type=PROBLEM_TYPE,
        headers=headers,
    )


def away(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Answer while the database cannot: nothing was stored, come again.

    The log gets what the database said, without the statement's values. What would fail every
    time is an accident like any other.
    """
    if not is_transient(error):
        return accident(request, error)
    said = getattr(error, "orig", None) or error
    _log.warning("database-away", path=request.url.path, error=f"{type(said).__name__}: {said}")
    return refused(request, Refusal("busy"))


def accident(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Answer 500 without a word of the accident; the log gets its place, never its values."""
    frames = extract_tb(error.__traceback__)
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-FRAMES_LOGGED:]]
    _log.error("accident", path=request.url.path, error=type(error).__name__, where=where)
    return refused(request, Refusal("internal"))


def unrouted(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """Answer what the routes themselves refuse: no such page, no such method, a bad parameter."""
    return refused(request, unrouted_as(error))


def unrouted_as(error: HTTPException) -> Refusal:
    """Return the refusal that says what the routes themselves refuse."""
    codes = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}
    code = codes.get(error.status_code, "field-invalid" if error.status_code < 500 else "internal")
    return Refusal(code, error.detail if error.status_code == 400 else "")


HANDLERS: dict[type[Exception] | int, Any] = {
    Refusal: refused,
    HTTPException: unrouted,
    **dict.fromkeys(FAULTS, away),
    Exception: accident,
}
"""For `Litestar(exception_handlers=…)`."""
