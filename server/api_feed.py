"""Scope `feed`: what integrators read to keep their own systems in step."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import msgspec
from litestar import Response, get
from litestar.response import Stream

from server import feed, listing, offices
from server.asked import Asked
from server.context import ServerContext
from server.refusals import AnyRequest

JSON_TYPE: Final = "application/json"
NDJSON_TYPE: Final = "application/x-ndjson"
EVENTS_MAX: Final = 5_000
EVENTS_USUAL: Final = 500
DOSSIERS_MAX: Final = 500
DOSSIERS_USUAL: Final = 50


@get("/v1/events", opt={"access": "feed"})
async def events(request: AnyRequest) -> Stream:
    """Stream events behind a cursor as NDJSON; nothing means that there is nothing new."""
    asked = Asked(request, "after", "limit")
    limit = asked.number("limit", EVENTS_USUAL, 1, EVENTS_MAX)
    asked.done()
    after = feed.position(asked.text("after"))
    context: ServerContext = request.app.state.context
    pieces = feed.lines(context.store, after, limit)
    # The first piece is read before the status is sent: a database that is away is a 503.
    first = await anext(pieces, b"")
    return Stream(_joined(first, pieces), media_type=NDJSON_TYPE)


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in rest:
        yield piece


@get("/v1/dossiers", opt={"access": "feed"})
async def dossiers(request: AnyRequest) -> Response[bytes]:
    """Give a page of dossiers as they stand, unmasked."""
    asked = Asked(request, "office", "after", "limit")
    limit = asked.number("limit", DOSSIERS_USUAL, 1, DOSSIERS_MAX)
    asked.done()
    after = listing.place_of(asked.text("after"))
    context: ServerContext = request.app.state.context
    async with context.store.read() as conn:
        code = asked.text("office")
        chosen = None if code is None else await offices.named(conn, code)
        found = await listing.page(conn, context.now_ms(), chosen, after, limit)
    return Response(msgspec.json.encode(found), media_type=JSON_TYPE)


ROUTES = [events, dossiers]
