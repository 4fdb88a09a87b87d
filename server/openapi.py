"""`/schema/openapi.json`: every route, desk event, event body and answer, out of the types.

msgspec writes the schemas (JSON Schema 2020-12, which OpenAPI 3.1 takes as it is), and this module
the routes: the framework's own generator knows nothing of events, cursors and streams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec
from litestar import Response, get
from msgspec import Struct

from records.desk_events import DESK_BODIES
from records.office_events import OFFICE_BODIES
from records.statistics import Statistics
from server.access import Access
from server.feed import FeedLine
from server.listing import DossierPage
from server.metrics import OPENMETRICS_TYPE
from server.reconcile import Reconciliation
from server.refusals import PROBLEM_TYPE
from server.reports import ReportPage
from wire.event import Event
from wire.message import MEDIA_TYPE
from wire.problems import ProblemDocument

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
HTML: Final = "text/html"
REF: Final = "#/components/schemas/{name}"


class Health(Struct, frozen=True):
    """Whether the server and its database answer."""

    ok: bool


class Operation(NamedTuple):
    """One route: `access` as in `server.access`; `gives` and in which media."""

    method: str
    path: str
    summary: str
    access: Access = "open"
    query: tuple[str, ...] = ()
    gives: Any = None
    media: tuple[str, ...] = (JSON,)
    takes: str | None = None


OPERATIONS: Final[Sequence[Operation]] = (
    Operation("post", "/v1/exchange", "One sealed message of a device, one back", takes=MEDIA_TYPE,
              media=(MEDIA_TYPE,)),
    Operation("post", "/v1/enrolments", "The first message of a new device", query=("ticket",),
              takes=MEDIA_TYPE, media=(MEDIA_TYPE,)),
    Operation("get", "/v1/province", "The signed statement of the province's keys and addresses",
              media=("application/cose",)),
    Operation("get", "/healthz", "Whether server and database answer", gives=Health),
    Operation("get", "/v1/events", "Events behind a cursor, in the order they were taken in",
              "feed", ("after", "limit"), FeedLine, (NDJSON,)),
    Operation("get", "/v1/dossiers", "Dossiers as they stand, unmasked",
              "feed", ("office", "after", "limit"), DossierPage),
    Operation("get", "/v1/sync-reports", "How offices stand, ordered by office and journal",
              "reports", ("after", "limit", "changed_since"), ReportPage, (JSON, CSV, NDJSON)),
    Operation("get", "/v1/sync-reports/{office}", "How one office stands, with its days",
              "reports", (), ReportPage, (JSON, CSV, NDJSON)),
    Operation("get", "/v1/reconciliation/{office}", "Both sides of an office compared",
              "reports", ("from", "to"), Reconciliation),
    Operation("get", "/v1/statistics/dossiers", "Dossiers of a period, both days included",
              "reports", ("from", "to", "office", "group"), Statistics, (JSON, CSV)),
    Operation("get", "/metrics", "Figures as OpenMetrics", "any", media=(OPENMETRICS_TYPE,)),
    Operation("get", "/schema/openapi.json", "This document", "open"),
    Operation("get", "/", "The table of offices", "session",
              ("q", "state", "sort", "down", "page"), media=(HTML,)),
    Operation("get", "/offices/{office}", "One office", "session", media=(HTML,)),
    Operation("get", "/login", "The form to sign in", "page", media=(HTML,)),
    Operation("post", "/login", "Sign in (form fields user, password)", "page", media=(HTML,),
              takes="application/x-www-form-urlencoded"),
    Operation("post", "/logout", "Sign out (form field csrf)", "session", media=(HTML,),
              takes="application/x-www-form-urlencoded"),
    Operation("get", "/language/{chosen}", "Choose vi or en", "page", media=(HTML,)),
    Operation("get", "/static/{name}", "A file of the pages", media=("text/css",)),
    Operation("get", "/favicon.ico", "The icon", media=("image/svg+xml",)),
)  # fmt: skip

SECURITY: Final[Mapping[Access, Sequence[Mapping[str, list[str]]]]] = {
    "open": [],
    "page": [],
    "feed": [{"feed": []}],
    "reports": [{"reports": []}],
    "any": [{"feed": []}, {"reports": []}, {"session": []}],
    "session": [{"session": []}],
}
SCHEMES: Final[Mapping[str, Mapping[str, str]]] = {
    "feed": {"type": "http", "scheme": "bearer", "description": "token of scope feed"},
    "reports": {"type": "http", "scheme": "bearer", "description": "token of scope reports"},
    "session": {"type": "apiKey", "in": "cookie", "name": "session"},
}


@cache
def document() -> bytes:
    """Return the whole document as JSON."""
    types = [*_answers(), *OFFICE_BODIES.values(), *DESK_BODIES.values(), Event, ProblemDocument]
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    known = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, known)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "commune-server", "version": "1"},
            "paths": paths,
            "components": {"schemas": components, "securitySchemes": SCHEMES},
            "x-event-bodies": {kind: known[body] for kind, body in OFFICE_BODIES.items()},
            "x-desk-event-bodies": {kind: known[body] for kind, body in DESK_BODIES.items()},
        }
    )


@get("/schema/openapi.json", opt={"access": "open"})
async def openapi() -> Response[bytes]:
    """Give the document."""
    return Response(document(), media_type=JSON)


ROUTES = [openapi]


def _answers() -> list[Any]:
    return [operation.gives for operation in OPERATIONS if operation.gives is not None]


def _operation(operation: Operation, known: Mapping[Any, Any]) -> dict[str, Any]:
    schema = {} if operation.gives is None else {"schema": known[operation.gives]}
    problem = {PROBLEM_TYPE: {"schema": known[ProblemDocument]}}
    described: dict[str, Any] = {
        "summary": operation.summary,
        "security": SECURITY[operation.access],
        "parameters": _parameters(operation),
        "responses": {
            "200": {
                "description": "done",
                "content": {media: {} if media == CSV else schema for media in operation.media},
            },
            "default": {"description": "refused (RFC 9457)", "content": problem},
        },
        "x-access": operation.access,
    }
    if operation.takes is not None:
        described["requestBody"] = {"required": True, "content": {operation.takes: {}}}
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    in_path = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    string = {"type": "string"}
    return [
        *({"name": name, "in": "path", "required": True, "schema": string} for name in in_path),
        *({"name": name, "in": "query", "schema": string} for name in operation.query),
    ]
