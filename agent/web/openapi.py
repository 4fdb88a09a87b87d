"""`/schema/openapi.json`: every route, command, event body and answer, out of the types themselves.

The framework's own generator does not see raw routes and knows nothing of events; msgspec writes
the schemas (JSON Schema 2020-12, which OpenAPI 3.1 takes as it is), and this module the routes.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec
from litestar import Response, get

from agent.result import ResultDocument
from agent.status import Status
from agent.sticks import Moved
from agent.web import shapes
from agent.web.answers import JSON_TYPE, PROBLEM_TYPE
from agent.web.commands import NDJSON_TYPE, Refused
from agent.web.office import DossierList, ProblemList, VisitList
from records import command_types
from records.events import BODIES
from records.fee_statistics import FeeStatistics
from records.present import DossierDetail
from records.statistics import Statistics
from records.sync_report import SyncReport
from records.visit_statistics import VisitStatistics
from wire.problems import ProblemDocument

REF: Final = "#/components/schemas/{name}"
HTML: Final = "text/html"
TEXT: Final = "text/plain"
ANY_MEDIA: Final = "application/octet-stream"
STREAM: Final = "text/event-stream"


class Operation(NamedTuple):
    """One route: how it is called, what it takes and gives. `access` as in `agent.web.access`."""

    method: str
    path: str
    summary: str
    access: str = "session"
    query: tuple[str, ...] = ()
    takes: Any = None
    gives: Any = None
    media: str = JSON_TYPE


OPERATIONS: Final[Sequence[Operation]] = (
    Operation("post", "/api/commands", "One command, or a stream of them (NDJSON both ways)",
              takes=command_types.Command, gives=ResultDocument),
    Operation("get", "/api/status", "How everything is", gives=Status),
    Operation("get", "/api/session", "Who is signed in", gives=shapes.SessionShape),
    Operation("get", "/api/dossiers", "Dossiers, newest first",
              query=("q", "state", "due", "channel", "limit", "after"), gives=DossierList),
    Operation("get", "/api/dossiers/{ref}", "One dossier with its events; reveal=1 is recorded",
              query=("reveal",), gives=DossierDetail),
    Operation("get", "/api/visits", "Visits of a day, newest first; with_id=1 is recorded",
              query=("on", "limit", "after", "with_id"), gives=VisitList),
    Operation("get", "/api/problems", "What a person should look at", gives=ProblemList),
    Operation("post", "/api/dossiers/{ref}/documents",
              "Attach a document (form fields file, name)", gives=ResultDocument),
    Operation("get", "/api/documents/{document}", "A document, decrypted", media=ANY_MEDIA),
    Operation("get", "/api/scans", "Scans that wait to be attached", gives=shapes.ScanList),
    Operation("get", "/api/scans/{scan}", "A waiting scan, decrypted", media=ANY_MEDIA),
    Operation("post", "/api/scans/{scan}/discard", "Remove a scan of no dossier",
              gives=shapes.Done),
    Operation("get", "/api/devices", "Devices and how they are", gives=shapes.DeviceList),
    Operation("get", "/api/readings", "What was read, newest first",
              query=("device", "after", "limit"), gives=shapes.ReadingList),
    Operation("post", "/api/readings", "A scan of a counter's own scanner",
              takes=shapes.NewReading, gives=shapes.ReadingShape),
    Operation("get", "/api/stream", "Server-sent events: status, reading, problem, locked",
              media=STREAM),
    Operation("get", "/api/statistics/dossiers", "Dossiers of a period, both days included",
              query=("from", "to"), gives=Statistics),
    Operation("get", "/api/statistics/visits", "Visits of a period, both days included",
              query=("from", "to"), gives=VisitStatistics),
    Operation("get", "/api/statistics/fees", "Payments of a period, both days included",
              query=("from", "to"), gives=FeeStatistics),
    Operation("get", "/metrics", "Figures in OpenMetrics text", media=TEXT),
    Operation("get", "/sync-report", "The sync report", access="bearer", gives=SyncReport),
    Operation("get", "/schema/openapi.json", "This document"),
    Operation("get", "/healthz", "Whether the daemon answers", access="open", gives=shapes.Health),
    Operation("post", "/api/sync", "Deliver now", access="socket",
              takes=shapes.SyncAsked, gives=shapes.SyncDone),
    Operation("post", "/api/rebuild", "Build the views anew", access="socket",
              gives=shapes.Rebuilt),
    Operation("post", "/api/prove", "A receipt statement of now", access="socket",
              gives=shapes.Done),
    Operation("post", "/api/backup", "Copy the journal", access="socket",
              takes=shapes.BackupAsked, gives=shapes.BackedUp),
    Operation("post", "/api/carrier/messages", "The next message for a stick", access="socket",
              takes=shapes.ExportAsked, gives=shapes.ExportedMessage),
    Operation("post", "/api/carrier/answers", "An answer from a stick", access="socket",
              takes=shapes.CarriedAnswer, gives=shapes.AnswerTaken),
    Operation("post", "/api/sync-now", "Try the line at once", gives=shapes.Done),
    Operation("get", "/api/sticks", "The sticks that are plugged in", gives=shapes.StickList),
    Operation("post", "/api/sticks/{stick}/export", "Put what waits onto a stick", gives=Moved),
    Operation("post", "/api/sticks/{stick}/import", "Take answers from a stick", gives=Moved),
    Operation("get", "/api/users", "All users", access="socket", gives=shapes.UserList),
    Operation("post", "/api/users", "Add users: all or none", access="socket",
              takes=shapes.NewUsers, gives=shapes.Done),
    Operation("post", "/api/users/{name}/pin", "A new PIN", access="socket",
              takes=shapes.NewPin, gives=shapes.Done),
    Operation("post", "/api/users/{name}/disable", "End the right to sign in", access="socket",
              gives=shapes.Done),
    Operation("get", "/", "The page of today", access="open", media=HTML),
    Operation("get", "/today", "The live parts of the page of today", media=HTML),
    Operation("get", "/sync", "The page of the line", access="open", media=HTML),
    Operation("get", "/sync/parts", "The live parts of the page of the line", media=HTML),
    Operation("get", "/scans", "The page of waiting scans", access="open", media=HTML),
    Operation("get", "/scans/parts", "The live parts of the page of waiting scans", media=HTML),
    Operation("get", "/problems", "The page of problems", access="open", media=HTML),
    Operation("get", "/dossiers/{ref}", "The page of one dossier", access="open", media=HTML),
    Operation("get", "/login", "The form to sign in", access="open", media=HTML),
    Operation("post", "/login", "Sign in (form fields user, pin, counter)", access="open",
              media=HTML),
    Operation("post", "/logout", "Sign out", gives=shapes.Done),
    Operation("get", "/language/{chosen}", "Choose vi or en", access="open", media=HTML),
    Operation("get", "/lobby", "The screen of the waiting room", access="open", media=HTML),
    Operation("get", "/static/{name}", "A file of the pages", access="open", media=TEXT),
    Operation("get", "/favicon.ico", "The icon", access="open", media=TEXT),
)  # fmt: skip


@cache
def document() -> bytes:
    """Return the whole document as JSON."""
    types = _types()
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    schema_of = dict(zip(map(id, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, schema_of)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "commune-agent", "version": "1"},
            "paths": paths,
            "components": {"schemas": components, "securitySchemes": _SECURITY},
            "x-event-bodies": {kind: schema_of[id(body)] for kind, body in BODIES.items()},
        }
    )


@get("/schema/openapi.json")
async def openapi() -> Response[bytes]:
    """Give the document."""
    return Response(document(), media_type=JSON_TYPE)


_SECURITY: Final[Mapping[str, Mapping[str, str]]] = {
    "session": {"type": "apiKey", "in": "cookie", "name": "session"},
    "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
    "bearer": {"type": "http", "scheme": "bearer"},
}


def _types() -> list[Any]:
    found = [kind for op in OPERATIONS for kind in (op.takes, op.gives) if kind is not None]
    return [*found, *BODIES.values(), Refused, ProblemDocument]


def _operation(operation: Operation, schema_of: Mapping[int, Any]) -> dict[str, Any]:
    schema = {} if operation.gives is None else {"schema": schema_of[id(operation.gives)]}
    content = {operation.media: schema}
    if operation.path == "/api/commands":
        either = {"anyOf": [schema["schema"], schema_of[id(Refused)]]}
        content[NDJSON_TYPE] = {"schema": either}
    problem = {PROBLEM_TYPE: {"schema": schema_of[id(ProblemDocument)]}}
    described: dict[str, Any] = {
        "summary": operation.summary,
        "security": _security(operation),
        "parameters": _parameters(operation),
        "responses": {
            "200": {"description": "done", "content": content},
            "default": {"description": "refused (RFC 9457)", "content": problem},
        },
        "x-access": operation.access,
    }
    if operation.takes is not None:
        taken = {"schema": schema_of[id(operation.takes)]}
        body = {JSON_TYPE: taken}
        if operation.path == "/api/commands":
            body[NDJSON_TYPE] = taken
        described["requestBody"] = {"required": True, "content": body}
    return described


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    if operation.access == "bearer":
        return [{"bearer": []}]
    if operation.access != "session":
        return []
    needed: dict[str, list[str]] = {"session": []}
    return [needed if operation.method == "get" else {**needed, "csrf": []}]


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    in_path = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    string = {"type": "string"}
    return [
        *({"name": name, "in": "path", "required": True, "schema": string} for name in in_path),
        *({"name": name, "in": "query", "schema": string} for name in operation.query),
    ]
