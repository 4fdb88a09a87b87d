"""How an office stands, in the shape the central server reads (docs/interfaces.md "SyncReport").

What is not known is null and never left out; `days` alone is absent where the protocol sends it
apart. Members of a later version are passed over.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from records.csv_text import Cell, write_csv
from wire.digests import DayRow
from wire.texts import Text

ClockState = Literal["trusted", "unsynced", "suspect"]
DiskState = Literal["ok", "low", "reserve", "full"]
DeviceState = Literal["ready", "opening", "lost", "closed"]
OfficeState = Literal["fresh", "late", "silent", "never", "pending", "quarantined", "revoked"]


class Backlog(Struct, frozen=True, kw_only=True):
    """Events not delivered yet."""

    events: int = 0
    bytes: int = 0
    oldest_age_s: int | None = None


class BlobBacklog(Struct, frozen=True, kw_only=True):
    """Scanned documents not delivered yet."""

    count: int = 0
    bytes: int = 0
    oldest_age_s: int | None = None


class ExchangeReport(Struct, frozen=True, kw_only=True):
    """What the line did; `last_error` is a problem code."""

    last_ok_at: str | None = None
    last_failed_at: str | None = None
    last_error: str | None = None
    count_24h: int = 0
    bytes_up_24h: int = 0
    bytes_down_24h: int = 0
    goodput_bytes_s: int | None = None


class ClockReport(Struct, frozen=True, kw_only=True):
    """How far the clock is trusted, and how far it is off the province's."""

    state: ClockState
    offset_ms: int | None = None


class DiskReport(Struct, frozen=True, kw_only=True):
    """Room left, and how much the journal takes."""

    free_bytes: int | None = None
    journal_bytes: int | None = None
    state: DiskState = "ok"


class NumbersReport(Struct, frozen=True, kw_only=True):
    """Leased numbers: until when, how many are left today, and the register's next number."""

    leased_until: date | None = None
    left_today: int | None = None
    book_next: int | None = None


class DeviceReport(Struct, frozen=True, kw_only=True):
    """One device of the office."""

    name: str
    driver: str
    state: DeviceState
    last_reading_age_s: int | None = None


class DayReport(Struct, frozen=True, kw_only=True):
    """Events of one day, kind and channel, as written; `digest` is 16 hex digits."""

    day: str
    kind: str
    channel: str
    count: int
    digest: str


class SyncReport(Struct, frozen=True, kw_only=True):
    """How one journal of an office stands."""

    v: int = 1
    office: str
    office_id: str
    name: str
    province: str
    device: str
    journal: str
    agent: str
    generated_at: str
    head_seq: int
    delivered_seq: int
    backlog: Backlog
    blobs: BlobBacklog
    exchange: ExchangeReport
    clock: ClockReport
    disk: DiskReport
    numbers: NumbersReport
    backup_age_s: int | None = None
    power_losses: int = 0
    conflicts_open: int = 0
    problems_open: int = 0
    policies: tuple[str, ...] = ()
    catalogue: str | None = None
    devices: tuple[DeviceReport, ...] = ()
    days: tuple[DayReport, ...] | UnsetType | None = UNSET
    days_digest: str | None = None


class DocumentsIn(Struct, frozen=True, kw_only=True):
    """Documents that events at the province tell of, and how many are whole there.

    `missing_bytes`: what is still to come, encrypted as it travels.
    """

    told: int = 0
    held: int = 0
    missing_bytes: int = 0

    @property
    def missing(self) -> int:
        """How many are not whole."""
        return self.told - self.held


class OfficeReport(SyncReport, frozen=True, kw_only=True):
    """A sync report as the province hands it on: when it came, how the office stands, and why.

    `documents` is the province's own count of the device's, beside what the office says in `blobs`.
    """

    received_at: str | None
    state: OfficeState
    reason: Text
    documents: DocumentsIn = DocumentsIn()


def columns(kind: type[Struct] = OfficeReport) -> tuple[str, ...]:
    """Return the scalar leaves of a report in order, dots as `_`: the headings of its CSV."""
    return tuple("_".join(path) for path in _leaves(kind))


def day_reports(rows: Iterable[DayRow]) -> tuple[DayReport, ...]:
    """Return the list of days as a report shows it."""
    return tuple(
        DayReport(
            day=row.day,
            kind=row.kind,
            channel=row.channel,
            count=row.count,
            digest=row.digest.hex(),
        )
        for row in rows
    )


def csv_of(reports: Iterable[OfficeReport]) -> bytes:
    """Return reports as CSV; lists (`policies`, `devices`, `days`) are no scalars."""
    paths = tuple(_leaves(OfficeReport))
    return write_csv(columns(), ([_leaf(report, path) for path in paths] for report in reports))


def _leaves(kind: type[Struct]) -> Iterable[tuple[str, ...]]:
    for member in msgspec.structs.fields(kind):
        inner: Any = member.type
        if isinstance(inner, type) and issubclass(inner, Struct):
            yield from ((member.encode_name, *path) for path in _leaves(inner))
        elif not _is_list(inner):
            yield (member.encode_name,)


def _is_list(kind: Any) -> bool:
    info = msgspec.inspect.type_info(kind)
    some = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    return any(isinstance(one, msgspec.inspect.VarTupleType) for one in some)


def _leaf(report: Struct, path: Sequence[str]) -> Cell:
    value: Any = report
    for name in path:
        value = getattr(value, name)
    return value.isoformat() if isinstance(value, date) else value
