"""How each office stands, from what the province knows: one row per active journal.

A report is the office's word of the moment it was made. What the province heard since (the head in
the newest message, the events it brought) is newer, so heads and backlog are brought up to it.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace
from sqlalchemy import Row, Select, select

from records.sync_report import (
    Backlog,
    BlobBacklog,
    ClockReport,
    DiskReport,
    ExchangeReport,
    NumbersReport,
    OfficeReport,
    OfficeState,
    SyncReport,
)
from server.config import Config
from server.store.tables import device, journal, office
from server.store.tables import report as report_table
from wire.event import format_time
from wire.foreign import read_json
from wire.keys import device10
from wire.problems import Malformed
from wire.texts import Text, load

ACTIVE: Final = ("open", "quarantined")
TEXTS: Final = load("server.web")
UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60))


class Standing(Struct, frozen=True, kw_only=True):
    """One active journal: its report, brought up to date, and what pages show beside it."""

    office_id: bytes
    journal_no: int
    report: OfficeReport
    seen_ms: int | None
    reported_ms: int | None

    @property
    def missing(self) -> int:
        """How many events the office has that the province does not hold."""
        return self.report.head_seq - self.report.delivered_seq


STANDINGS: Final[Select[Any]] = (
    select(
        office.c.office_id,
        office.c.code,
        office.c.name,
        device.c.device_id,
        device.c.state.label("device_state"),
        device.c.agent,
        device.c.seen_ms,
        device.c.said_journal,
        device.c.said_seq,
        journal.c.journal_no,
        journal.c.journal_id,
        journal.c.state.label("journal_state"),
        journal.c.head_seq,
        journal.c.opened_ms,
        journal.c.received_ms.label("events_ms"),
        report_table.c.report,
        report_table.c.received_ms.label("reported_ms"),
    )
    .select_from(journal)
    .join(office, office.c.office_id == journal.c.office_id)
    .join(
        device,
        (device.c.office_id == journal.c.office_id) & (device.c.device_id == journal.c.device_id),
    )
    .outerjoin(
        report_table,
        (report_table.c.office_id == journal.c.office_id)
        & (report_table.c.journal_no == journal.c.journal_no),
    )
    .where(journal.c.state.in_(ACTIVE))
    .order_by(office.c.code, journal.c.journal_id)
)
"""Rows for `read`, ordered as `/v1/sync-reports` orders them."""


def read(row: Row[Any], config: Config, now_ms: int) -> Standing:
    """Return the standing out of one row of STANDINGS."""
    state = state_of(row.device_state, row.journal_state, row.seen_ms, config, now_ms)
    said = row.said_seq if row.said_journal == row.journal_id else None
    told = _advanced(_told(row), row.head_seq, said)
    values = msgspec.structs.asdict(told) | {
        "office": row.code,
        "office_id": _uuid(row.office_id),
        "name": row.name,
        "province": row.code.partition(".")[0],
        "device": device10(row.device_id),
        "journal": row.journal_id.hex(),
        "days": None,  # `server.reports` adds them; pages for people show none
    }
    return Standing(
        office_id=row.office_id,
        journal_no=row.journal_no,
        report=OfficeReport(
            **values,
            received_at=_heard(row.seen_ms, row.events_ms),
            state=state,
            reason=reason(state, config),
        ),
        seen_ms=row.seen_ms,
        reported_ms=row.reported_ms,
    )


def state_of(
    device_state: str, journal_state: str, seen_ms: int | None, config: Config, now_ms: int
) -> OfficeState:
    """Return how an office stands: what a person decided first, then how long it is silent."""
    if device_state == "revoked":
        return "revoked"
    if "quarantined" in (device_state, journal_state):
        return "quarantined"
    if device_state == "pending":
        return "pending"
    if seen_ms is None:
        return "never"
    silent_s = (now_ms - seen_ms) / 1000
    if silent_s <= config.late_after_s:
        return "fresh"
    return "late" if silent_s <= config.silent_after_s else "silent"


def reason(state: OfficeState, config: Config) -> Text:
    """Say why an office stands so; the words change only when the state does."""
    limits = {"late": age(config.late_after_s), "silent": age(config.silent_after_s)}
    return TEXTS[f"reason.{state}"].format(age=limits.get(state, ""))


def age(seconds: int) -> Text:
    """Say a span of time in its largest sensible unit: `3 giờ`, `2 days`."""
    for unit, length in UNITS:
        if seconds >= length:
            count = seconds // length
            form = "one" if count == 1 else "many"
            return TEXTS[f"age.{unit}-{form}"].format(count=count)
    return TEXTS["age.now"]


def _told(row: Row[Any]) -> SyncReport:
    """Return the report as the office sent it; what the province knows where none can be read.

    A report of a later version may have another shape; the exchange has kept it as it came.
    """
    if row.report is not None:
        try:
            return replace(read_json(row.report, SyncReport), days=UNSET)
        except Malformed:
            pass  # the next lines say what is known without it
    return SyncReport(
        office=row.code,
        office_id=_uuid(row.office_id),
        name=row.name,
        province="",
        device=device10(row.device_id),
        journal=row.journal_id.hex(),
        agent=row.agent or "",
        generated_at=format_time(row.opened_ms if row.seen_ms is None else row.seen_ms),
        head_seq=row.head_seq,
        delivered_seq=row.head_seq,
        backlog=Backlog(),
        blobs=BlobBacklog(),
        exchange=ExchangeReport(),
        clock=ClockReport(state="unsynced"),
        disk=DiskReport(),
        numbers=NumbersReport(),
    )


def _advanced(told: SyncReport, held: int, said: int | None) -> SyncReport:
    """Bring heads and backlog of a report up to what the province heard since.

    The digest of days belongs to the place the report speaks of; elsewhere it is not known.
    """
    head = max(held, told.head_seq if said is None else said)
    if (head, held) == (told.head_seq, told.delivered_seq):
        return told
    left = head - held
    backlog = Backlog(
        events=left,
        bytes=told.backlog.bytes * left // max(told.backlog.events, left) if left else 0,
        oldest_age_s=told.backlog.oldest_age_s if left else None,
    )
    return replace(
        told,
        head_seq=head,
        delivered_seq=held,
        backlog=backlog,
        days_digest=told.days_digest if held == told.delivered_seq else None,
    )


def _heard(*moments_ms: int | None) -> str | None:
    """Return when something of a journal was heard last: a current message, or new events."""
    known = [moment for moment in moments_ms if moment is not None]
    return format_time(max(known)) if known else None


def _uuid(office_id: bytes) -> str:
    return str(UUID(bytes=office_id))
