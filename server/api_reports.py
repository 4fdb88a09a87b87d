"""Scope `reports`: how offices stand, both sides compared, statistics."""

from __future__ import annotations

from datetime import date

import msgspec
from litestar import Response, get
from litestar.params import FromPath

from server import offices, reconcile
from server.asked import Asked
from server.context import ServerContext
from server.refusals import AnyRequest
from wire.event import format_time

JSON_TYPE = "application/json"


@get("/v1/reconciliation/{office:str}", opt={"access": "reports"}, include_in_schema=False)
async def reconciliation(request: AnyRequest, office: FromPath[str]) -> Response[bytes]:
    """Compare what an office says it has with what the province holds."""
    asked = Asked(request, "from", "to")
    span = asked.days(needed=False)
    asked.done()
    context: ServerContext = request.app.state.context
    today = date.fromisoformat(format_time(context.now_ms())[:10])
    async with context.store.read() as conn:
        found = await offices.named(conn, office)
        compared = await reconcile.reconcile(
            conn, found.office_id, span or reconcile.usual_span(today)
        )
    return json_answer(compared)


def json_answer(value: object) -> Response[bytes]:
    """Return an answer in JSON."""
    return Response(msgspec.json.encode(value), media_type=JSON_TYPE)


ROUTES = [reconciliation]
