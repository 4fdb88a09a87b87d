"""`/schema/openapi.json`: every route, desk event, event body and answer, out of the types.

msgspec writes the schemas (JSON Schema 2020-12, which OpenAPI 3.1 takes as it is), and this module
the routes: the framework's own generator knows nothing of events, cursors and streams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, get_args

import msgspec
from litestar import Response, get
from msgspec import Struct

from records.desk_events import DESK_BODIES
from records.office_events import OFFICE_BODIES
from records.statistics import GROUPS, Group, Statistics
from records.sync_report import OfficeReport
from server.access import Access
from server.api_feed import DOSSIERS_MAX, DOSSIERS_USUAL, EVENTS_MAX, EVENTS_USUAL
from server.api_reports import REPORTS_MAX, REPORTS_USUAL
from server.feed import FeedLine
from server.listing import DossierPage
from server.metrics import OPENMETRICS_TYPE
from server.reconcile import Reconciliation
from server.refusals import PROBLEM_TYPE
from server.reports import ReportPage
from server.web.overview import PAGES_MAX, SORTS, STATES, WORDS_CHARS_MAX
from wire.event import Event
from wire.message import MEDIA_TYPE
from wire.problems import ProblemDocument

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
HTML: Final = "text/html"
FORM: Final = "application/x-www-form-urlencoded"
REF: Final = "#/components/schemas/{name}"


class Health(Struct, frozen=True):
    """Whether the server and its database answer."""

    ok: bool


class Query(NamedTuple):
    """One parameter of a query and its schema."""

    name: str
    schema: Mapping[str, Any]
    required: bool = False


TEXT: Final = {"type": "string"}
DAY: Final = {"type": "string", "format": "date"}
OFFICE: Final = Query("office", TEXT | {"description": "a code of any time, or the office_id"})
AFTER: Final = Query("after", TEXT | {"description": "a cursor as an answer gave it"})


def limited(usual: int, most: int) -> Query:
    """Return the parameter `limit` with its bounds."""
    return Query("limit", {"type": "integer", "minimum": 1, "maximum": most, "default": usual})


def chosen(name: str, *words: str) -> Query:
    """Return a parameter that is one of some words."""
    return Query(name, {"type": "string", "enum": list(words)})


def days(*, required: bool) -> tuple[Query, Query]:
    """Return `from` and `to`, both included; where they are not required, both or none."""
    return Query("from", DAY, required), Query("to", DAY, required)


# Separated by commas in one parameter (`style: form`, `explode: false`).
GROUP: Final = Query(
    "group",
    {"type": "array", "items": {"enum": list(get_args(Group))}, "default": list(GROUPS)},
)
TICKET: Final = Query("ticket", {"type": "string", "pattern": "^[0-9a-f]{16}$"}, required=True)
SEARCH: Final = (
    Query("q", {"type": "string", "maxLength": WORDS_CHARS_MAX}),
    chosen("state", *STATES),
    chosen("sort", *SORTS),
    chosen("down", "1"),
    Query("page", {"type": "integer", "minimum": 1, "maximum": PAGES_MAX, "default": 1}),
)


class Operation(NamedTuple):
    """One route: `access` as in `server.access`; `gives` and in which media.

    `lines`: what one line of its NDJSON is.
    """

    method: str
    path: str
    id: str
    summary: str
    access: Access = "open"
    query: tuple[Query, ...] = ()
    gives: Any = None
    media: tuple[str, ...] = (JSON,)
    takes: str | None = None
    lines: Any = None


OPERATIONS: Final[Sequence[Operation]] = (
    Operation("post", "/v1/exchange", "exchange", "One sealed message of a device, one back",
              takes=MEDIA_TYPE, media=(MEDIA_TYPE,)),
    Operation("post", "/v1/enrolments", "enrol", "The first message of a new device",
              query=(TICKET,), takes=MEDIA_TYPE, media=(MEDIA_TYPE,)),
    Operation("get", "/v1/province", "province",
              "The signed statement of the province's keys and addresses",
              media=("application/cose",)),
    Operation("post", "/v1/blobs", "beginBlob", "Begin an upload of a document (tus 1.0.0)"),
    Operation("patch", "/v1/blobs/{blob}", "addToBlob", "Add bytes to an upload (tus 1.0.0)"),
    Operation("delete", "/v1/blobs/{blob}", "endBlob", "End an unfinished upload (tus 1.0.0)"),
    Operation("post", "/v1/blobs/{blob}", "overriddenBlob",
              "PATCH or DELETE as X-HTTP-Method-Override says (tus 1.0.0)"),
    Operation("get", "/healthz", "health", "Whether server and database answer", gives=Health),
    Operation("get", "/v1/events", "events",
              "Events behind a cursor, in the order they were taken in", "feed",
              (AFTER, limited(EVENTS_USUAL, EVENTS_MAX)), media=(NDJSON,), lines=FeedLine),
    Operation("get", "/v1/dossiers", "dossiers", "Dossiers as they stand, unmasked", "feed",
              (OFFICE, AFTER, limited(DOSSIERS_USUAL, DOSSIERS_MAX)), DossierPage),
    Operation("get", "/v1/sync-reports", "syncReports",
              "How offices stand, ordered by office and journal", "reports",
              (AFTER, limited(REPORTS_USUAL, REPORTS_MAX),
               Query("changed_since", {"type": "string", "format": "date-time"})),
              ReportPage, (JSON, CSV, NDJSON), lines=OfficeReport),
    Operation("get", "/v1/sync-reports/{office}", "syncReportsOfOffice", "How one office stands",
              "reports", (), ReportPage, (JSON, CSV, NDJSON), lines=OfficeReport),
    Operation("get", "/v1/reconciliation/{office}", "reconciliation",
              "Both sides of an office compared", "reports", days(required=False), Reconciliation),
    Operation("get", "/v1/statistics/dossiers", "dossierStatistics",
              "Dossiers of a period, both days included", "reports",
              (*days(required=True), OFFICE, GROUP), Statistics, (JSON, CSV)),
    Operation("get", "/metrics", "metrics", "Figures as OpenMetrics", "any",
              media=(OPENMETRICS_TYPE,)),
    Operation("get", "/schema/openapi.json", "description", "This document"),
    Operation("get", "/", "officesPage", "The table of offices", "session", SEARCH, media=(HTML,)),
    Operation("get", "/offices/{office}", "officePage", "One office", "session", media=(HTML,)),
    Operation("get", "/login", "loginPage", "The form to sign in", "page", media=(HTML,)),
    Operation("post", "/login", "signIn", "Sign in (form fields user, password)", "page",
              media=(HTML,), takes=FORM),
    Operation("post", "/logout", "signOut", "Sign out (form field csrf)", "session", media=(HTML,),
              takes=FORM),
    Operation("get", "/language/{chosen}", "language", "Choose vi or en", "page", media=(HTML,)),
    Operation("get", "/static/{name}", "staticFile", "A file of the pages", media=("text/css",)),
    Operation("get", "/favicon.ico", "icon", "The icon", media=("image/svg+xml",)),
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
    components[FeedLine.__name__]["properties"]["event"] = _event_of_a_line(known)
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
    given = [given for operation in OPERATIONS for given in (operation.gives, operation.lines)]
    return list(dict.fromkeys(one for one in given if one is not None))


def _event_of_a_line(known: Mapping[Any, Any]) -> dict[str, Any]:
    """Say that the bytes of the feed are an event's; msgspec takes them as they come."""
    odd = {"description": "where `problem` is set: JSON as the office wrote it; null for no JSON"}
    return {"anyOf": [known[Event], odd]}


def _operation(operation: Operation, known: Mapping[Any, Any]) -> dict[str, Any]:
    problem = {PROBLEM_TYPE: {"schema": known[ProblemDocument]}}
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "security": SECURITY[operation.access],
        "parameters": _parameters(operation),
        "responses": {
            "200": {
                "description": "done",
                "content": {media: _content(operation, media, known) for media in operation.media},
            },
            "default": {"description": "refused (RFC 9457)", "content": problem},
        },
        "x-access": operation.access,
    }
    if operation.takes is not None:
        described["requestBody"] = {"required": True, "content": {operation.takes: {}}}
    return described


def _content(operation: Operation, media: str, known: Mapping[Any, Any]) -> dict[str, Any]:
    """Return what an answer in one media type is; OpenAPI 3.1 has no word for a line of many."""
    if media == NDJSON:
        return {"schema": known[operation.lines], "x-each": "line"}
    if media == JSON and operation.gives is not None:
        return {"schema": known[operation.gives]}
    return {}


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    in_path = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    return [
        *({"name": name, "in": "path", "required": True, "schema": TEXT} for name in in_path),
        *(_parameter(query) for query in operation.query),
    ]


def _parameter(query: Query) -> dict[str, Any]:
    described = {"name": query.name, "in": "query", "required": query.required}
    if query.schema["type"] == "array":
        described |= {"style": "form", "explode": False}
    return described | {"schema": query.schema}
