"""The doors for devices: exchange, enrolment, the province's statement (docs/protocol.md 5, 10).

Answers carry status, Content-Type and Content-Length only. A body is read as it comes and no
further than its limit.
"""

from __future__ import annotations

import ipaddress
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from server.context import ServerContext
from server.enrolment import enrol
from server.exchange import exchange
from server.rates import TooOften
from wire.limits import ENROLMENT_BYTES_MAX, MESSAGE_BYTES_MAX, TICKET_ID_BYTES
from wire.message import MEDIA_TYPE
from wire.problems import Refusal
from wire.texts import accept_language

PROBLEM_TYPE = "application/problem+json"
BUSY_S = 15  # a database that did not answer now may in this time; spread over twice as long
ASIDE = 1 << 20  # of a body that is too large, what is still read so that the answer arrives


@post("/v1/exchange", status_code=200, include_in_schema=False)
async def exchange_route(request: Request[Any, Any, State]) -> Response[bytes]:
    """Take one full message and answer it."""
    context = _context(request)
    try:
        if request.headers.get("content-type") != MEDIA_TYPE:
            raise Refusal("media-type-unknown")
        return _message(await exchange(await _body(request, MESSAGE_BYTES_MAX), context))
    except Refusal as refusal:
        return problem(request, refusal)
    except (OperationalError, InterfaceError, PoolTimeout, OSError):
        return problem(request, Refusal("busy"), retry_after_s=_later(context))


@post("/v1/enrolments", status_code=200, include_in_schema=False)
async def enrolment_route(request: Request[Any, Any, State]) -> Response[bytes]:
    """Take the first message of a new device and answer it."""
    context = _context(request)
    try:
        if request.headers.get("content-type") != MEDIA_TYPE:
            raise Refusal("media-type-unknown")
        ticket = str(request.query_params.get("ticket", ""))
        body = await _body(request, ENROLMENT_BYTES_MAX)
        return _message(await enrol(context, _ticket_id(ticket), body, _address(request)))
    except Refusal as refusal:
        return problem(request, refusal)
    except (OperationalError, InterfaceError, PoolTimeout, OSError):
        return problem(request, Refusal("busy"), retry_after_s=_later(context))


@get("/v1/province", include_in_schema=False)
async def province_route(state: State) -> Response[bytes]:
    """Return the statement that names the province and its keys."""
    context: ServerContext = state.context
    return Response(context.keys.province, media_type="application/cose")


ROUTES = [exchange_route, enrolment_route, province_route]


def problem(
    request: Request[Any, Any, State], refusal: Refusal, *, retry_after_s: int | None = None
) -> Response[bytes]:
    """Return a problem document in the reader's language."""
    if isinstance(refusal, TooOften):
        retry_after_s = refusal.retry_after_s
    document = refusal.document(accept_language(request.headers.get("accept-language")))
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return Response(
        msgspec.json.encode(document),
        status_code=document.status,
        media_type=PROBLEM_TYPE,
        headers=headers,
    )


def _context(request: Request[Any, Any, State]) -> ServerContext:
    context: ServerContext = request.app.state.context
    return context


def _message(body: bytes) -> Response[bytes]:
    return Response(body, status_code=200, media_type=MEDIA_TYPE)


async def _body(request: Request[Any, Any, State], limit: int) -> bytes:
    """Return the body. Raises Refusal too-large once more than `limit` bytes have come."""
    stated = request.headers.get("content-length", "0")
    if stated.isdigit() and int(stated) > limit + ASIDE:
        raise Refusal("too-large")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit + ASIDE:
            break
    if len(body) > limit:
        raise Refusal("too-large")
    return bytes(body)


def _ticket_id(text: str) -> bytes:
    try:
        ticket_id = bytes.fromhex(text)
    except ValueError:
        ticket_id = b""
    if len(ticket_id) != TICKET_ID_BYTES:
        raise Refusal("ticket-unknown")
    return ticket_id


def _address(request: Request[Any, Any, State]) -> str:
    """Return whom to count: the address, or its /64 network, which one subscriber fills alone."""
    host = request.client.host if request.client is not None else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _later(context: ServerContext) -> int:
    return BUSY_S + context.jitter.randrange(BUSY_S)


__all__ = ["PROBLEM_TYPE", "ROUTES", "problem"]
