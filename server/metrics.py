"""`/metrics`: few figures, in OpenMetrics text: what is held, how offices stand, how answers go.

Written by hand: a dozen families need no client library. Nothing here names an office or a person.
Counters are those of this process since it started.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, get_args

from litestar import Response, get
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.sync_report import OfficeState
from server.context import ServerContext
from server.refusals import AnyRequest
from server.standing import STANDINGS, Standing, read
from server.store.tables import incident, journal, problem

OPENMETRICS_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
EXCHANGE: Final = "/v1/exchange"
BOUNDS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Meter:
    """What exchanges did in this process."""

    def __init__(self) -> None:
        self.answers: Counter[int] = Counter()
        self.buckets = [0] * (len(BOUNDS_S) + 1)
        self.seconds = 0.0
        self.bytes_in = 0
        self.bytes_out = 0

    def count(self, status: int, seconds: float, bytes_in: int, bytes_out: int) -> None:
        """Note one exchange."""
        self.answers[status] += 1
        self.buckets[bisect_left(BOUNDS_S, seconds)] += 1
        self.seconds += seconds
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out


def measured(app: ASGIApp, meter: Meter) -> ASGIApp:
    """Return `app` with its exchanges counted, whatever they end with."""

    async def outside(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") != EXCHANGE:
            await app(scope, receive, send)
            return
        status = bytes_in = bytes_out = 0

        async def hear() -> Any:
            nonlocal bytes_in
            message = await receive()
            if message["type"] == "http.request":
                bytes_in += len(message["body"])
            return message

        async def say(message: Message) -> None:
            nonlocal status, bytes_out
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                bytes_out += len(message["body"])
            await send(message)

        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            await app(scope, hear, say)
        finally:
            meter.count(status, clock() - begun, bytes_in, bytes_out)

    return outside


class Held(Struct, frozen=True, kw_only=True):
    """What the database says."""

    standings: tuple[Standing, ...]
    events: int
    problems: int
    incidents: int


@get("/metrics", opt={"access": "any"})
async def metrics(request: AnyRequest) -> Response[str]:
    """Give the figures."""
    context: ServerContext = request.app.state.context
    meter: Meter = request.app.state.meter
    async with context.store.read() as conn:
        held = await _held(conn, context)
    return Response(written(held, meter), media_type=OPENMETRICS_TYPE)


async def _held(conn: AsyncConnection, context: ServerContext) -> Held:
    now_ms = context.now_ms()
    rows = await conn.execute(STANDINGS)
    standings = tuple(read(row, context.config, now_ms) for row in rows)
    events = await conn.execute(select(func.sum(journal.c.head_seq)))
    problems = await conn.execute(select(func.count()).select_from(problem))
    incidents = await conn.execute(
        select(func.count()).select_from(incident).where(incident.c.settled_ms.is_(None))
    )
    return Held(
        standings=standings,
        events=int(events.scalar() or 0),
        problems=problems.scalar_one(),
        incidents=incidents.scalar_one(),
    )


def written(held: Held, meter: Meter) -> str:
    """Return everything as OpenMetrics text, with the end mark that the format wants."""
    states = Counter(standing.report.state for standing in held.standings)
    missing = sum(standing.missing for standing in held.standings)
    lines = [
        *_family(
            "commune_journals",
            "gauge",
            "Active office journals by state.",
            (("", f'state="{state}"', states[state]) for state in get_args(OfficeState)),
        ),
        *_gauge("commune_events_held", "Events held, redacted ones included.", held.events),
        *_gauge("commune_backlog_events", "Events offices have that are not held.", missing),
        *_gauge("commune_event_problems", "Problems of events.", held.problems),
        *_gauge("commune_incidents_open", "Incidents nobody has settled.", held.incidents),
        *_family(
            "commune_exchanges",
            "counter",
            "Exchanges by HTTP status; 0 without an answer.",
            (("_total", f'status="{code}"', n) for code, n in sorted(meter.answers.items())),
        ),
        *_family(
            "commune_exchange_bytes",
            "counter",
            "Bytes of exchanges, without headers.",
            (("_total", 'way="up"', meter.bytes_in), ("_total", 'way="down"', meter.bytes_out)),
        ),
        *_family("commune_exchange_seconds", "histogram", "Time to an answer.", _histogram(meter)),
        "# EOF",
        "",
    ]
    return "\n".join(lines)


Sample = tuple[str, str, float]
"""Suffix of the name, labels, value."""


def _gauge(name: str, help_: str, value: int) -> Iterator[str]:
    return _family(name, "gauge", help_, [("", "", value)])


def _family(name: str, kind: str, help_: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# TYPE {name} {kind}"
    yield f"# HELP {name} {help_}"
    for suffix, labels, value in samples:
        yield f"{name}{suffix}{'{' + labels + '}' if labels else ''} {value}"


def _histogram(meter: Meter) -> Iterator[Sample]:
    below = 0
    for bound, count in zip((*BOUNDS_S, "+Inf"), meter.buckets, strict=True):
        below += count
        yield "_bucket", f'le="{bound}"', below
    yield "_count", "", below
    yield "_sum", "", round(meter.seconds, 6)


ROUTES = [metrics]
