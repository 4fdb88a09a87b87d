"""Scope `feed`: what integrators read to keep their own systems in step."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from litestar import get
from litestar.response import Stream

from server import feed
from server.asked import Asked
from server.context import ServerContext
from server.refusals import AnyRequest

NDJSON_TYPE: Final = "application/x-ndjson"
EVENTS_MAX: Final = 5_000
EVENTS_USUAL: Final = 500


@get("/v1/events", opt={"access": "feed"}, include_in_schema=False)
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


ROUTES = [events]
