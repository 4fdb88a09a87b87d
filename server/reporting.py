"""Sync reports as they arrive: kept, and their day list compared (docs/protocol.md section 9)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server import day_tally
from server.places import Place
from server.request import Report, ReportFacts, Request
from server.store.tables import report as report_table
from wire.digests import DayRow, days_digest, encode_days, event_mark


async def hear(conn: AsyncConnection, place: Place, request: Request, now_ms: int) -> bool:
    """Store what a current message reports; return whether its day list is wanted.

    It is wanted when the digest of the device's list is not that of ours at the same place, and
    the list itself has not come yet.
    """
    report = request.report
    if report is None:
        return False
    own = await own_days(conn, place, report.facts)
    if own is None or report.facts.days_digest is None:
        await _store(conn, place, report, now_ms)
        return False
    equal = days_digest(own).hex() == report.facts.days_digest
    listed = request.days
    complete = listed is not None and days_digest(listed).hex() == report.facts.days_digest
    await _store(conn, place, report, now_ms, listed if complete else None, equal=equal)
    return not equal and not complete


async def own_days(conn: AsyncConnection, place: Place, facts: ReportFacts) -> list[DayRow] | None:
    """Return our day list at the place and for the days a report speaks of.

    None when it speaks of more than is held, or of no day.
    """
    if facts.delivered_seq > place.head.seq:
        return None
    try:
        return await day_tally.rows(
            conn,
            place.office_id,
            place.journal_no,
            up_to_seq=facts.delivered_seq,
            held_seq=place.head.seq,
            last_day=facts.generated_at[:10],
            marks=lambda seq, hash_: event_mark(place.device_id, place.journal_id, seq, hash_),
        )
    except (ValueError, OverflowError):
        return None  # generated_at names no day, or one that no 35 days can end with


async def _store(
    conn: AsyncConnection,
    place: Place,
    report: Report,
    now_ms: int,
    days: list[DayRow] | None = None,
    *,
    equal: bool | None = None,
) -> None:
    mine = (report_table.c.office_id == place.office_id) & (
        report_table.c.journal_no == place.journal_no
    )
    values: dict[str, object] = {
        "report": report.raw,
        "received_ms": now_ms,
        "days_equal": equal,
    }
    if days is not None:
        values |= {"days": encode_days(days), "days_ms": now_ms}
    held = await conn.execute(select(report_table.c.received_ms).where(mine))
    if held.first() is not None:
        await conn.execute(report_table.update().where(mine).values(values))
    else:
        key = {"office_id": place.office_id, "journal_no": place.journal_no}
        await conn.execute(report_table.insert().values(key | values))
