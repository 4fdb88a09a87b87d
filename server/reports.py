"""Sync reports for the central server: a page of them, or those of one office, with their days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Row, and_, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from records.sync_report import OfficeReport, day_reports
from server import cursors
from server.agreement import agreed_days
from server.blobs import counted
from server.config import Config
from server.offices import Office
from server.standing import STANDINGS, Standing, read
from server.store.tables import device, journal, office
from wire.digests import DayRow, days_digest

CURSOR: Final = "reports"


class ReportPage(Struct, frozen=True, kw_only=True):
    """The answer of `/v1/sync-reports`; `next` is None behind the last page."""

    reports: tuple[OfficeReport, ...]
    next: str | None


class Place(NamedTuple):
    """Behind which row a page begins."""

    code: str
    journal_id: bytes


def place_of(cursor: str | None) -> Place | None:
    """Return the place a cursor names. Raises Refusal field-invalid."""
    if cursor is None:
        return None
    return msgspec.convert(cursors.read(cursor, CURSOR, tuple[str, bytes]), Place)


async def page(
    conn: AsyncConnection,
    config: Config,
    now_ms: int,
    *,
    after: Place | None,
    limit: int,
    changed_since_ms: int | None,
) -> ReportPage:
    """Return up to `limit` reports behind a place, ordered by office and journal.

    With `changed_since_ms` only of journals heard at that moment or later: a current message, or
    events that a stale one brought.
    """
    query = STANDINGS.limit(limit + 1)
    if after is not None:
        same = and_(office.c.code == after.code, journal.c.journal_id > after.journal_id)
        query = query.where(or_(office.c.code > after.code, same))
    if changed_since_ms is not None:
        heard = (device.c.seen_ms >= changed_since_ms, journal.c.received_ms >= changed_since_ms)
        query = query.where(or_(*heard))
    rows = (await conn.execute(query)).all()
    reports = await _told(conn, rows[:limit], config, now_ms)
    following = None
    if len(rows) > limit:
        last = rows[limit - 1]
        following = cursors.write(CURSOR, last.code, last.journal_id)
    return ReportPage(reports=reports, next=following)


async def page_of_office(
    conn: AsyncConnection, config: Config, now_ms: int, chosen: Office
) -> ReportPage:
    """Return the reports of one office, however many journals it has."""
    rows = (await conn.execute(STANDINGS.where(office.c.office_id == chosen.office_id))).all()
    return ReportPage(reports=await _told(conn, rows, config, now_ms), next=None)


async def of_office(
    conn: AsyncConnection, config: Config, now_ms: int, chosen: Office
) -> list[Standing]:
    """Return how each active journal of an office stands."""
    query = STANDINGS.where(office.c.office_id == chosen.office_id)
    return [read(row, config, now_ms) for row in await conn.execute(query)]


async def _told(
    conn: AsyncConnection, rows: Sequence[Row[Any]], config: Config, now_ms: int
) -> tuple[OfficeReport, ...]:
    """Return the reports of these rows, with their days where both sides count them alike."""
    agreed = await agreed_days(conn, rows)
    documents = await counted.by_device(conn, {row.office_id for row in rows})
    return tuple(
        _with_days(
            replace(
                read(row, config, now_ms).report,
                documents=documents.get((row.office_id, row.device_id), counted.NONE),
            ),
            agreed.get((row.office_id, row.journal_no)),
        )
        for row in rows
    )


def _with_days(report: OfficeReport, rows: list[DayRow] | None) -> OfficeReport:
    if rows is None:
        return report
    return replace(report, days=day_reports(rows), days_digest=days_digest(rows).hex())
