"""Scope `reports`: how offices stand, both sides compared, statistics."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final, get_args
from urllib.parse import urlencode

import msgspec
from litestar import Response, get
from litestar.params import FromPath

from records.csv_text import write_csv
from records.statistics import COLUMNS, GROUPS, Group, Statistics
from records.sync_report import csv_of
from server import offices, reconcile, reports, statistics
from server.asked import Asked
from server.context import ServerContext
from server.refusals import AnyRequest
from server.reports import ReportPage
from wire.event import format_time, parse_time
from wire.problems import Malformed

JSON_TYPE: Final = "application/json"
CSV_TYPE: Final = "text/csv"
NDJSON_TYPE: Final = "application/x-ndjson"
REPORTS_MAX: Final = 5_000
REPORTS_USUAL: Final = 500


@get("/v1/sync-reports", opt={"access": "reports"})
async def sync_reports(request: AnyRequest) -> Response[bytes]:
    """Give a page of reports as JSON, CSV or NDJSON; `Link` names the next one in all three."""
    asked = Asked(request, "after", "limit", "changed_since")
    limit = asked.number("limit", REPORTS_USUAL, 1, REPORTS_MAX)
    since_ms = asked.read("changed_since", _moment)
    asked.done()
    after = reports.place_of(asked.text("after"))
    context = _context(request)
    async with context.store.read() as conn:
        found = await reports.page(
            conn,
            context.config,
            context.now_ms(),
            after=after,
            limit=limit,
            changed_since_ms=since_ms,
        )
    return _page(request, found)


@get("/v1/sync-reports/{office:str}", opt={"access": "reports"})
async def sync_reports_of(request: AnyRequest, office: FromPath[str]) -> Response[bytes]:
    """Give the reports of one office."""
    Asked(request).done()
    context = _context(request)
    async with context.store.read() as conn:
        chosen = await offices.named(conn, office)
        found = await reports.page_of_office(conn, context.config, context.now_ms(), chosen)
    return _page(request, found)


@get("/v1/reconciliation/{office:str}", opt={"access": "reports"})
async def reconciliation(request: AnyRequest, office: FromPath[str]) -> Response[bytes]:
    """Compare what an office says it has with what the province holds."""
    asked = Asked(request, "from", "to")
    span = asked.days(needed=False)
    asked.done()
    context = _context(request)
    today = date.fromisoformat(format_time(context.now_ms())[:10])
    async with context.store.read() as conn:
        found = await offices.named(conn, office)
        compared = await reconcile.reconcile(
            conn, found.office_id, span or reconcile.usual_span(today)
        )
    return Response(msgspec.json.encode(compared), media_type=JSON_TYPE)


@get("/v1/statistics/dossiers", opt={"access": "reports"})
async def dossier_statistics(request: AnyRequest) -> Response[bytes]:
    """Give the dossier report of a period as JSON or CSV."""
    asked = Asked(request, "from", "to", "office", "group")
    span = asked.days(needed=True)
    group = asked.read("group", _groups) or GROUPS
    asked.done()
    if span is None:
        raise AssertionError("`done` refuses a question without its days")
    context = _context(request)
    async with context.store.read() as conn:
        code = asked.text("office")
        chosen = None if code is None else await offices.named(conn, code)
        found = await statistics.dossiers(
            conn, context.config, context.now_ms(), span, chosen, group
        )
    return _written(request, {JSON_TYPE: msgspec.json.encode, CSV_TYPE: _statistics_csv}, found)


def _page(request: AnyRequest, page: ReportPage) -> Response[bytes]:
    answer = _written(
        request, {JSON_TYPE: msgspec.json.encode, CSV_TYPE: _csv, NDJSON_TYPE: _ndjson}, page
    )
    if page.next is not None:
        query = dict(request.query_params.multi_items()) | {"after": page.next}
        answer.headers["Link"] = f'<{request.url.path}?{urlencode(query)}>; rel="next"'
    return answer


def _written(
    request: AnyRequest, writers: dict[str, Callable[[Any], bytes]], value: object
) -> Response[bytes]:
    """Return an answer in the first form the reader accepts, or nothing new as 304."""
    kind = _accepted(request.headers.get("accept", ""), list(writers))
    body = writers[kind](value)
    tag = f'"{hashlib.sha256(kind.encode() + body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Vary": "Accept", "Cache-Control": "private, no-cache"}
    wanted = request.headers.get("if-none-match", "")
    if tag in [known.strip().removeprefix("W/") for known in wanted.split(",")]:
        return Response(b"", status_code=304, media_type=kind, headers=headers)
    return Response(body, media_type=kind, headers=headers)


def _accepted(header: str, kinds: Sequence[str]) -> str:
    """Return the kind the reader names first; the first one of ours when it names none."""
    for part in header.split(","):
        named = part.partition(";")[0].strip().lower()
        for kind in kinds:
            if named == kind.partition(";")[0]:
                return kind
    return kinds[0]


def _csv(page: ReportPage) -> bytes:
    return csv_of(page.reports)


def _ndjson(page: ReportPage) -> bytes:
    return b"".join(msgspec.json.encode(report) + b"\n" for report in page.reports)


def _statistics_csv(found: Statistics) -> bytes:
    by_month = any(row.month is not None for row in found.rows)
    columns = (*COLUMNS, "month") if by_month else COLUMNS
    return write_csv(columns, ([getattr(row, name) for name in columns] for row in found.rows))


def _moment(text: str) -> int:
    try:
        return parse_time(text.replace(" ", "+"))  # a "+" that was not escaped arrives as a space
    except Malformed as error:
        raise ValueError(text) from error


def _groups(text: str) -> tuple[Group, ...]:
    known: dict[str, Group] = {name: name for name in get_args(Group)}
    words = [word.strip() for word in text.split(",")]
    if not all(word in known for word in words):
        raise ValueError(text)
    return tuple(known[word] for word in words)


def _context(request: AnyRequest) -> ServerContext:
    context: ServerContext = request.app.state.context
    return context


ROUTES = [sync_reports, sync_reports_of, reconciliation, dossier_statistics]
