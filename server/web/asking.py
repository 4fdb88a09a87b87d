"""What the pages ask the database, each page in one transaction."""

from __future__ import annotations

from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.moment import office_day
from server import conflicts, numbers_twice, offices, reconcile, reports
from server.blobs import counted
from server.context import ServerContext
from server.offices import Office
from server.standing import STANDINGS, read
from server.store.projection_tables import dossier
from server.store.tables import event, feed, incident, problem
from server.web.detail import Known, Received, Trouble
from server.web.overview import Line
from wire.event import parse_time

TROUBLES_SHOWN: Final = 50
BATCHES_SHOWN: Final = 10


async def lines(conn: AsyncConnection, ctx: ServerContext) -> list[Line]:
    """Return all offices with their journals; one without any stands once."""
    now_ms = ctx.now_ms()
    problems = await _problem_counts(conn)
    documents = await counted.by_office(conn)
    rows = [read(row, ctx.config, now_ms) for row in await conn.execute(STANDINGS)]
    found = [
        Line(
            code=row.report.office,
            name=row.report.name,
            standing=row,
            problems=problems.get(row.office_id, 0),
            documents=documents.get(row.office_id, counted.NONE).missing,
        )
        for row in rows
    ]
    equipped = {row.office_id for row in rows}
    found += [
        Line(code=one.code, name=one.name, standing=None, problems=problems.get(one.office_id, 0))
        for one in await offices.every(conn)
        if one.office_id not in equipped
    ]
    return found


async def known(conn: AsyncConnection, ctx: ServerContext, office: Office) -> Known:
    """Return what the province knows of one office."""
    now_ms = ctx.now_ms()
    span = reconcile.usual_span(office_day(now_ms))
    return Known(
        office=office,
        standings=tuple(await reports.of_office(conn, ctx.config, now_ms, office)),
        compared=await reconcile.reconcile(conn, office.office_id, span),
        troubles=tuple(await _troubles(conn, office.office_id)),
        received=tuple(await _received(conn, office.office_id)),
    )


async def _problem_counts(conn: AsyncConnection) -> dict[bytes, int]:
    """Return how many problems, unsettled incidents and open conflicts each office has."""
    counts: dict[bytes, int] = {}
    for query in (
        select(problem.c.office_id, func.count()).group_by(problem.c.office_id),
        select(incident.c.office_id, func.count())
        .where(incident.c.settled_ms.is_(None))
        .group_by(incident.c.office_id),
        select(dossier.c.office_id, func.sum(dossier.c.conflicts))
        .where(dossier.c.conflicts > 0)
        .group_by(dossier.c.office_id),
    ):
        for office_id, count in await conn.execute(query):
            counts[office_id] = counts.get(office_id, 0) + int(count)
    return counts


async def _troubles(conn: AsyncConnection, office_id: bytes) -> list[Trouble]:
    """Return the newest problems, unsettled incidents and open conflicts, newest first."""
    problems = await conn.execute(
        select(problem.c.code, problem.c.detail, problem.c.seq, problem.c.at_ms)
        .where(problem.c.office_id == office_id)
        .order_by(problem.c.at_ms.desc(), problem.c.seq.desc())
        .limit(TROUBLES_SHOWN)
    )
    found = [
        Trouble(code=row.code, detail=row.detail, seq=row.seq, at_ms=row.at_ms) for row in problems
    ]
    incidents = await conn.execute(
        select(incident.c.kind, incident.c.detail, incident.c.at_ms)
        .where(incident.c.office_id == office_id, incident.c.settled_ms.is_(None))
        .order_by(incident.c.at_ms.desc())
        .limit(TROUBLES_SHOWN)
    )
    found += [
        Trouble(code=row.kind, detail=row.detail, seq=None, at_ms=row.at_ms) for row in incidents
    ]
    found += [
        Trouble(code="conflict-open", detail=_values(one), seq=None, at_ms=one.kept.mark.at_ms)
        for one in await conflicts.listed(conn, office_id)
    ]
    found += [
        Trouble(code="number-taken-twice", detail=_bearers(one), seq=None, at_ms=_newest_ms(one))
        for one in await numbers_twice.listed(conn, office_id)
    ]
    return sorted(found, key=lambda trouble: -trouble.at_ms)[:TROUBLES_SHOWN]


def _bearers(one: numbers_twice.Twice) -> str:
    """Return the number, and of each dossier that bears it who took it in, where, when, its id."""
    told = [f"{each.by or each.device} {each.at} {each.dossier}" for each in one.records]
    return f"{one.number}: {' / '.join(told)}"


def _newest_ms(one: numbers_twice.Twice) -> int:
    return max(parse_time(each.at) for each in one.records)


def _values(one: conflicts.Open) -> str:
    """Return which dossier, what stands and what the other side says, and the conflict's id."""
    kept = one.kept
    named = one.code or one.book or one.dossier
    return f"{named}: {kept.field} {kept.stands} / {kept.other} ({kept.mark.by}); {kept.id}"


async def _received(conn: AsyncConnection, office_id: bytes) -> list[Received]:
    """Return the newest batches taken in, newest first."""
    first = (
        (event.c.office_id == feed.c.office_id)
        & (event.c.journal_no == feed.c.journal_no)
        & (event.c.seq == feed.c.first_seq)
    )
    rows = await conn.execute(
        select(event.c.received_ms, feed.c.first_seq, feed.c.events)
        .select_from(feed)
        .join(event, first)
        .where(feed.c.office_id == office_id)
        .order_by(feed.c.first_position.desc())
        .limit(BATCHES_SHOWN)
    )
    return [Received(row.received_ms, row.first_seq, row.events) for row in rows]
