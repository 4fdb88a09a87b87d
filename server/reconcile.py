"""Both sides of an office compared: heads of the chains, and the bookkeeping of days.

The office's side is its own word: the head in its newest message, and the day list of its newest
report (docs/protocol.md section 9), which speaks of the events delivered when it was made. What
came in since is counted on both sides: the office's head stands for it, hash by hash. So the sides
are equal when every head is, and every day list is that of the province at the same place.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.sync_report import DocumentsIn
from server import day_tally
from server.blobs import counted
from server.day_tally import Tally
from server.request import ReportFacts
from server.store.tables import day_tally as day_tally_table
from server.store.tables import device, journal
from server.store.tables import report as report_table
from wire.digests import DayRow, days_digest, decode_days, event_mark
from wire.foreign import read_json
from wire.limits import DAY_DIGEST_BYTES, DAYS_COUNTED
from wire.problems import Malformed

ACTIVE = ("open", "quarantined")


class HeadPair(Struct, frozen=True, kw_only=True):
    """The heads of one journal, (seq, hash in hexadecimal); the office's is None when unheard."""

    journal: str
    office: tuple[int, str] | None
    province: tuple[int, str]


class Count(Struct, frozen=True):
    """How many events, and the XOR of their marks in hexadecimal."""

    count: int
    digest: str


NOTHING = Count(0, bytes(DAY_DIGEST_BYTES).hex())


class DayPair(Struct, frozen=True, kw_only=True):
    """One day and kind on both sides; the office's is None where it has not said."""

    day: str
    kind: str
    office: Count | None
    province: Count


class Reconciliation(Struct, frozen=True, kw_only=True):
    """The answer of `/v1/reconciliation/{office}`.

    `equal` speaks of events alone; what is here of the documents they tell of stands apart.
    """

    equal: bool
    heads: tuple[HeadPair, ...]
    days: tuple[DayPair, ...]
    documents: DocumentsIn = DocumentsIn()


class _Journal(NamedTuple):
    """One active journal and what its office last said."""

    office_id: bytes
    journal_no: int
    device_id: bytes
    journal_id: bytes
    head_seq: int
    head_hash: bytes
    said: tuple[int, bytes] | None
    report: ReportFacts | None
    days: tuple[DayRow, ...] | None


class _Told(NamedTuple):
    """The day list of a journal as its office told it, and ours at the same place.

    `first_day` is the first one it speaks of.
    """

    office: Sequence[DayRow]
    province: Sequence[DayRow]
    first_day: str


async def reconcile(
    conn: AsyncConnection, office_id: bytes, span: tuple[date, date]
) -> Reconciliation:
    """Compare both sides of an office and list the days of `span`, both included.

    Of days before those a report covers, the office's side is not known; they decide nothing.
    """
    journals = await _journals(conn, office_id)
    heads = tuple(_heads(item) for item in journals)
    told = [await _told(conn, item) for item in journals]
    same_days = all(item is not None and item.office == item.province for item in told)
    agree = all(pair.office == pair.province for pair in heads)
    return Reconciliation(
        equal=bool(journals) and agree and same_days,
        heads=heads,
        days=_paired(await _held(conn, office_id, journals, span), told, span),
        documents=await counted.of_office(conn, office_id),
    )


def usual_span(today: date) -> tuple[date, date]:
    """Return the days a report covers: the 35 up to today."""
    return today - timedelta(days=DAYS_COUNTED - 1), today


async def _journals(conn: AsyncConnection, office_id: bytes) -> list[_Journal]:
    own = (device.c.office_id == journal.c.office_id) & (device.c.device_id == journal.c.device_id)
    told = (report_table.c.office_id == journal.c.office_id) & (
        report_table.c.journal_no == journal.c.journal_no
    )
    rows = await conn.execute(
        select(
            journal.c.journal_no,
            journal.c.device_id,
            journal.c.journal_id,
            journal.c.head_seq,
            journal.c.head_hash,
            device.c.said_journal,
            device.c.said_seq,
            device.c.said_hash,
            report_table.c.report,
            report_table.c.days,
        )
        .join(device, own)
        .outerjoin(report_table, told)
        .where(journal.c.office_id == office_id, journal.c.state.in_(ACTIVE))
        .where(device.c.state != "revoked")
        .order_by(journal.c.journal_id)
    )
    return [
        _Journal(
            office_id=office_id,
            journal_no=row.journal_no,
            device_id=row.device_id,
            journal_id=row.journal_id,
            head_seq=row.head_seq,
            head_hash=row.head_hash,
            said=(row.said_seq, row.said_hash) if row.said_journal == row.journal_id else None,
            report=_facts(row.report),
            days=None if row.days is None else tuple(decode_days(row.days)),
        )
        for row in rows
    ]


def _facts(report: bytes | None) -> ReportFacts | None:
    """Return what is read of a stored report, None where a former version kept what is none."""
    if report is None:
        return None
    try:
        return read_json(report, ReportFacts)
    except Malformed:
        return None


def _heads(item: _Journal) -> HeadPair:
    return HeadPair(
        journal=item.journal_id.hex(),
        office=None if item.said is None else (item.said[0], item.said[1].hex()),
        province=(item.head_seq, item.head_hash.hex()),
    )


async def _told(conn: AsyncConnection, item: _Journal) -> _Told | None:
    """Return what the office told of its days, None when that is not known at the same place."""
    report = item.report
    if report is None or report.days_digest is None or report.delivered_seq > item.head_seq:
        return None
    last_day = report.generated_at[:10]
    try:
        own = await _own(conn, item, report.delivered_seq, last_day)
        first_day = usual_span(date.fromisoformat(last_day))[0].isoformat()
    except (ValueError, OverflowError):
        return None  # generated_at names no day, or one at the end of the calendar
    if days_digest(own).hex() == report.days_digest:
        return _Told(own, own, first_day)
    if item.days is not None and days_digest(item.days).hex() == report.days_digest:
        return _Told(list(item.days), own, first_day)
    return None


async def _own(
    conn: AsyncConnection, item: _Journal, up_to_seq: int, last_day: str
) -> list[DayRow]:
    """Return our own day list of a journal. Raises ValueError for a day that is none."""
    return await day_tally.rows(
        conn,
        item.office_id,
        item.journal_no,
        up_to_seq=up_to_seq,
        held_seq=item.head_seq,
        last_day=last_day,
        marks=partial(event_mark, item.device_id, item.journal_id),
    )


async def _held(
    conn: AsyncConnection,
    office_id: bytes,
    journals: Sequence[_Journal],
    span: tuple[date, date],
) -> Tally:
    """Return what the province holds on these days, by day and kind."""
    numbers = [item.journal_no for item in journals]
    rows = await conn.execute(
        select(day_tally_table).where(
            day_tally_table.c.office_id == office_id,
            day_tally_table.c.journal_no.in_(numbers),
            day_tally_table.c.day >= span[0].isoformat(),
            day_tally_table.c.day <= span[1].isoformat(),
        )
    )
    tally = Tally()
    for row in rows:
        tally.add((row.day, row.kind, ""), row.digest, row.events)
    return tally


def _paired(
    held: Tally, told: Sequence[_Told | None], span: tuple[date, date]
) -> tuple[DayPair, ...]:
    """Set both sides of each day and kind beside each other.

    What came after a report is the same on both sides, so the office's count is ours, less ours
    at the report's place, plus its own there.
    """
    office = Tally()
    for row in held.rows():
        office.add(_cell(row), row.digest, row.count)
    for item in told:
        if item is not None:
            for row in item.province:
                _add_within(office, row, span, -row.count)
            for row in item.office:
                _add_within(office, row, span, row.count)
    since = max((item.first_day for item in told if item is not None), default="")
    known = all(item is not None for item in told)
    ours = {_cell(row): _count(row) for row in held.rows()}
    theirs = {_cell(row): _count(row) for row in office.rows()}
    return tuple(
        DayPair(
            day=day,
            kind=kind,
            office=theirs.get((day, kind, ""), NOTHING) if known and day >= since else None,
            province=ours.get((day, kind, ""), NOTHING),
        )
        for day, kind, _ in sorted(ours.keys() | theirs.keys())
    )


def _add_within(tally: Tally, row: DayRow, span: tuple[date, date], count: int) -> None:
    if span[0].isoformat() <= row.day <= span[1].isoformat():
        tally.add(_cell(row), row.digest, count)


def _cell(row: DayRow) -> tuple[str, str, str]:
    return row.day, row.kind, ""


def _count(row: DayRow) -> Count:
    return Count(row.count, row.digest.hex())
