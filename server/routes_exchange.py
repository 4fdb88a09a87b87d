"""The doors for devices: exchange, enrolment, the province's statement (docs/protocol.md 5, 10).

Answers, refusals too, carry status, Content-Type and Content-Length only; Retry-After beside them
when it is too busy. A body is read as it comes and no further than its limit.
"""

from __future__ import annotations

import ipaddress
import re

from litestar import Response, get, post
from litestar.datastructures import State
from sqlalchemy import select

from server.context import ServerContext
from server.enrolment import enrol
from server.exchange import exchange
from server.keys import ServerKeys
from server.refusals import AnyRequest
from wire.limits import ENROLMENT_BYTES_MAX, MESSAGE_BYTES_MAX, TICKET_ID_BYTES
from wire.message import MEDIA_TYPE
from wire.problems import Refusal

SIGNER = re.compile(r"[0-9a-f]{16}")
ROOT = re.compile(r"[0-9a-f]{64}")
NUMBER = re.compile(r"[0-9]{1,15}")
ASIDE_BYTES_MAX = 1 << 20  # of a body that is too large, what is still read so that we can answer


@post("/v1/exchange", status_code=200, opt={"access": "open"}, include_in_schema=False)
async def exchange_route(request: AnyRequest) -> Response[bytes]:
    """Take one full message and answer it."""
    context = _context(request)
    body = await _body(request, MESSAGE_BYTES_MAX)
    with context.admission.enter():
        return _message(await exchange(body, context, _address(request)))


@post("/v1/enrolments", status_code=200, opt={"access": "open"}, include_in_schema=False)
async def enrolment_route(request: AnyRequest) -> Response[bytes]:
    """Take the first message of a new device and answer it."""
    context = _context(request)
    body = await _body(request, ENROLMENT_BYTES_MAX)
    with context.admission.enter():
        ticket_id = _ticket_id(str(request.query_params.get("ticket", "")))
        return _message(await enrol(context, ticket_id, body, _address(request)))


@get("/v1/province", opt={"access": "open"}, include_in_schema=False)
async def province_route(request: AnyRequest) -> Response[bytes]:
    """Return the statement that names the province and its keys.

    `n`: what moves somebody on who holds statement n, which after a change of root is not the
    newest; `signer`: the newest statement whose signing key has this kid, for a ticket of old,
    with `root` the newest such one by the root whose public key has this SHA-256.
    """
    n, signer, root = (str(request.query_params.get(name, "")) for name in ("n", "signer", "root"))
    found = _stated(_context(request).keys, n, signer, root)
    return Response(found, media_type="application/cose")


@get("/healthz", opt={"access": "open"}, include_in_schema=False)
async def health_route(state: State) -> Response[bytes]:
    """Answer 200 while the database answers, else 503."""
    context: ServerContext = state.context
    async with context.store.read() as conn:
        await conn.execute(select(1))
    return Response(b'{"ok":true}', media_type="application/json")


ROUTES = [exchange_route, enrolment_route, province_route, health_route]


def _context(request: AnyRequest) -> ServerContext:
    context: ServerContext = request.app.state.context
    return context


def _stated(keys: ServerKeys, n: str, signer: str, root: str) -> bytes:
    """Return the statement asked for; the newest where nothing else is there to be said."""
    if SIGNER.fullmatch(signer):
        root_hash = bytes.fromhex(root) if ROOT.fullmatch(root) else None
        return keys.signed_with(bytes.fromhex(signer), root_hash) or keys.province
    if NUMBER.fullmatch(n):
        return keys.moving(int(n))
    return keys.province


def _message(body: bytes) -> Response[bytes]:
    return Response(body, status_code=200, media_type=MEDIA_TYPE)


async def _body(request: AnyRequest, limit: int) -> bytes:
    """Return the body, read as it comes.

    Raises Refusal media-type-unknown, too-large once more than `limit` bytes have come, or busy
    when it comes too slowly.
    """
    if request.headers.get("content-type") != MEDIA_TYPE:
        raise Refusal("media-type-unknown")
    stated = request.headers.get("content-length", "0")
    if stated.isdigit() and int(stated) > limit + ASIDE_BYTES_MAX:
        raise Refusal("too-large")
    context = _context(request)
    body = await context.admission.read(request.stream(), limit + ASIDE_BYTES_MAX)
    if len(body) > limit:
        raise Refusal("too-large")
    return body


def _ticket_id(text: str) -> bytes:
    try:
        ticket_id = bytes.fromhex(text)
    except ValueError:
        ticket_id = b""
    if len(ticket_id) != TICKET_ID_BYTES:
        raise Refusal("ticket-unknown")
    return ticket_id


def _address(request: AnyRequest) -> str:
    """Return whom to count: the address, or its /64 network, which one subscriber fills alone."""
    host = request.client.host if request.client is not None else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
