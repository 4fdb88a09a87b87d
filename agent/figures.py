"""What the office can say about itself: gathered from journal, views, disk and clock.

One reading, of one moment, feeds the status and the sync report alike (`agent/status.py`,
docs/protocol.md section 9).
"""

import shutil
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from agent.clock import Clock
from agent.config import Config
from agent.journal import Identity, Journal
from agent.journal.backup import BACKUP_AT
from agent.journal.database import Connection
from agent.journal.transaction import get_meta
from agent.reserve import Reserve, reserve_bytes
from agent.status import OrderShown, TodayCounts
from agent.sync.report import Collected
from agent.views import counts, documents, numbers, standing, tally, twice
from agent.views.projector import Views
from records.catalogue import Procedure
from records.desk_events import OfficeProfile, OfficeRecoded, PolicySet
from records.leases import LeaseWarning
from records.moment import local, office_day, to_ms
from records.sync_report import (
    Backlog,
    BlobBacklog,
    ClockReport,
    DeviceReport,
    DiskReport,
    DiskState,
    ExchangeReport,
    NumbersReport,
    SyncReport,
    day_reports,
)
from wire import event as wire_event
from wire.digests import DayRow, days_digest
from wire.event import format_time
from wire.keys import device10
from wire.problems import Malformed

DAY_MS: Final = 24 * 3600 * 1000
DISK_LOW_BYTES: Final = 1 << 30
"""Below this a technician should look: about two million more events."""
FULL_PART: Final = 4
"""With the reserve given up, and less than this part of it left, a checkpoint may fail."""


class Reading(Struct, frozen=True, kw_only=True):
    """What one look into the journal's file tells."""

    name: str | None
    head_seq: int
    delivered_seq: int
    backlog: Backlog
    blobs: BlobBacklog
    exchange: ExchangeReport
    numbers: NumbersReport
    backup_age_s: int | None
    offset_ms: int | None
    problems_open: int
    conflicts_open: int
    power_losses: int
    lease_warnings: tuple[LeaseWarning, ...]
    orders: tuple[PolicySet, ...]
    catalogue: str | None
    today: TodayCounts
    days: tuple[DayRow, ...]


class Figures:
    """Gathers; made once by `main`."""

    def __init__(
        self,
        *,
        config: Config,
        journal: Journal,
        views: Views,
        clock: Clock,
        agent: str,
        goodput_bytes_s: Callable[[], int | None],
        devices: Callable[[], Sequence[DeviceReport]],
    ) -> None:
        self._config, self._journal, self._views, self._clock = config, journal, views, clock
        self._agent = agent
        self._goodput, self._devices = goodput_bytes_s, devices

    async def read(self) -> Reading:
        """Look into the file: one snapshot, some ten indexed queries."""
        now_ms, identity = self._clock.now_ms(), self._journal.identity
        stale = self._views.stale

        def query(connection: Connection) -> Reading:
            connection.execute("BEGIN")
            try:
                return read(connection, identity, now_ms, stale=stale)
            finally:
                connection.execute("ROLLBACK")

        return await self._journal.read(query)

    def now(self) -> str:
        """This moment, as the status writes it."""
        return format_time(self._clock.now_ms())

    def devices(self) -> tuple[DeviceReport, ...]:
        """The devices as they are now."""
        return tuple(self._devices())

    async def collect(self) -> Collected:
        """The sync report and its days, of one moment. Only once there is an identity."""
        identity = self._journal.identity
        if identity is None:
            raise ValueError("a report names a device")
        reading = await self.read()
        return Collected(self.report(reading, identity), reading.days)

    async def sync_report(self) -> SyncReport:
        """The sync report with its days, for `/sync-report`."""
        collected = await self.collect()
        return msgspec.structs.replace(collected.report, days=day_reports(collected.days))

    def report(self, reading: Reading, identity: Identity) -> SyncReport:
        """Put a reading into the shape the province gets."""
        now_ms = self._clock.now_ms()
        return SyncReport(
            office=self._config.office,
            office_id=_uuid(identity.office_id),
            name=reading.name or self._config.office,
            province=province_of(self._config.office),
            device=device10(identity.device_id),
            journal=identity.journal.hex(),
            agent=self._agent,
            generated_at=format_time(now_ms),
            head_seq=reading.head_seq,
            delivered_seq=reading.delivered_seq,
            backlog=reading.backlog,
            blobs=reading.blobs,
            exchange=self.exchange(reading),
            clock=self.clock(reading),
            disk=disk_report(self._config.database),
            numbers=reading.numbers,
            backup_age_s=reading.backup_age_s,
            power_losses=reading.power_losses,
            conflicts_open=reading.conflicts_open,
            problems_open=reading.problems_open,
            policies=tuple(order.order for order in reading.orders),
            catalogue=reading.catalogue,
            devices=tuple(self._devices()),
            days_digest=days_digest(reading.days).hex(),
        )

    def exchange(self, reading: Reading) -> ExchangeReport:
        """What the line did, with what it carries."""
        return msgspec.structs.replace(reading.exchange, goodput_bytes_s=self._goodput())

    def clock(self, reading: Reading) -> ClockReport:
        """How far the clock is trusted."""
        return ClockReport(state=self._clock.state(), offset_ms=reading.offset_ms)


def read(
    connection: Connection, identity: Identity | None, now_ms: int, *, stale: bool = False
) -> Reading:
    """Read everything from one snapshot; `stale` views count nothing of today."""
    today = office_day(now_ms)
    head_seq, delivered_seq, backlog = _backlog(connection, now_ms)
    orders = _orders_ahead(connection, now_ms)
    journal = identity.journal.hex() if identity else ""
    return Reading(
        name=_name(connection),
        head_seq=head_seq,
        delivered_seq=delivered_seq,
        backlog=backlog,
        blobs=BlobBacklog() if stale else documents.backlog(connection, now_ms),
        exchange=exchange_report(connection, now_ms),
        numbers=NumbersReport() if stale else numbers.report(connection, journal, today),
        backup_age_s=_backup_age_s(connection, now_ms),
        offset_ms=get_meta(connection, "sync.offset_ms"),
        problems_open=0 if stale else _problems_open(connection),
        conflicts_open=0 if stale else counts.conflicts(connection),
        power_losses=0 if stale else counts.total(connection, counts.POWER_LOST),
        lease_warnings=() if stale else numbers.warnings(connection, journal, today),
        orders=orders,
        catalogue=None if stale else _catalogue(connection),
        today=TodayCounts() if stale else _today(connection, now_ms),
        days=tuple(_days(connection, today, stale=stale)),
    )


def _backlog(connection: Connection, now_ms: int) -> tuple[int, int, Backlog]:
    row = connection.execute(
        "SELECT j.no, j.head_seq, j.head_bytes, d.seq, d.bytes FROM journal j JOIN delivered d"
        " ON d.journal = j.no WHERE j.side = 'office' AND j.state = 'open'"
        " ORDER BY d.seq DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return 0, 0, Backlog()
    number, head_seq, head_bytes, delivered_seq, delivered_bytes = row
    oldest = connection.execute(
        "SELECT body FROM event WHERE journal = ? AND seq = ?", (number, delivered_seq + 1)
    ).fetchone()
    return (
        head_seq,
        delivered_seq,
        Backlog(
            events=head_seq - delivered_seq,
            bytes=head_bytes - delivered_bytes,
            oldest_age_s=_age_s(oldest[0], now_ms) if oldest and oldest[0] else None,
        ),
    )


def _age_s(event: bytes, now_ms: int) -> int | None:
    try:
        return max(0, now_ms - wire_event.parse_time(wire_event.decode(event).at)) // 1000
    except Malformed:
        return None


def exchange_report(connection: Connection, now_ms: int) -> ExchangeReport:
    """What the line did, from the log of exchanges."""
    last_ok = _newest(connection, ok=True)
    last_failed = _newest(connection, ok=False)
    count, up, down = connection.execute(
        "SELECT count(*), coalesce(sum(bytes_up), 0), coalesce(sum(bytes_down), 0)"
        " FROM exchange WHERE at_ms > ?",
        (now_ms - DAY_MS,),
    ).fetchone()
    failing = last_failed is not None and (last_ok is None or last_failed[0] > last_ok[0])
    return ExchangeReport(
        last_ok_at=format_time(last_ok[1]) if last_ok else None,
        last_failed_at=format_time(last_failed[1]) if last_failed else None,
        last_error=last_failed[2] if failing and last_failed else None,
        count_24h=count,
        bytes_up_24h=up,
        bytes_down_24h=down,
    )


def _newest(connection: Connection, *, ok: bool) -> tuple[int, int, str | None] | None:
    row = connection.execute(
        "SELECT no, at_ms, error FROM exchange WHERE ok = ? ORDER BY no DESC LIMIT 1", (int(ok),)
    ).fetchone()
    return (row[0], row[1], row[2]) if row else None


def _orders_ahead(connection: Connection, now_ms: int) -> tuple[PolicySet, ...]:
    """Orders in force or still to come."""
    return tuple(
        order
        for order in standing.orders(connection)
        if order.until is None or now_ms < to_ms(order.until)
    )


def orders_shown(orders: Sequence[PolicySet]) -> tuple[OrderShown, ...]:
    """Orders as the status lists them."""
    return tuple(
        OrderShown(
            order=order.order,
            title=order.title,
            from_=local(to_ms(order.start)).isoformat(),
            until=None if order.until is None else local(to_ms(order.until)).isoformat(),
        )
        for order in orders
    )


def _name(connection: Connection) -> str | None:
    profile = standing.one(connection, "office.profile", "", OfficeProfile)
    if profile is not None and profile.name:
        return profile.name
    recoded = standing.bodies(connection, "office.recoded", OfficeRecoded)
    return recoded[-1].name if recoded else None


def _backup_age_s(connection: Connection, now_ms: int) -> int | None:
    made_ms = get_meta(connection, BACKUP_AT)
    return None if made_ms is None else max(0, now_ms - made_ms) // 1000


def _problems_open(connection: Connection) -> int:
    row = connection.execute(
        "SELECT (SELECT count(*) FROM rejected) + (SELECT count(*) FROM problem)"
    ).fetchone()
    return int(row[0]) + len(twice.listed(connection))


def _catalogue(connection: Connection) -> str | None:
    """The version of the catalogue's newest word."""
    row = connection.execute(
        "SELECT key FROM standing WHERE kind = 'procedure.set' AND key NOT LIKE '%@%'"
        " ORDER BY pos DESC LIMIT 1"
    ).fetchone()
    found = standing.one(connection, "procedure.set", row[0], Procedure) if row else None
    return found.version if found else None


def _today(connection: Connection, now_ms: int) -> TodayCounts:
    counted = counts.today(connection, now_ms)
    return TodayCounts(
        received=counted.received,
        returned=counted.returned,
        due=counted.due,
        overdue=counted.overdue,
        inside=counted.inside,
    )


def _days(connection: Connection, today: date, *, stale: bool) -> list[DayRow]:
    return [] if stale else tally.days(connection, today)


def disk_report(database: Path) -> DiskReport:
    """Room on the journal's disk, and what the journal takes."""
    usage = shutil.disk_usage(database.parent)
    size = 0
    for name in (database.name, database.name + "-wal"):
        part = database.with_name(name)
        if part.exists():
            size += part.stat().st_size
    held = Reserve(database.parent).held
    state = disk_state(usage.free, reserve_bytes(usage.total), held=held)
    return DiskReport(free_bytes=usage.free, journal_bytes=size, state=state)


def disk_state(free_bytes: int, reserve: int, *, held: bool) -> DiskState:
    """What the room left means; `reserve`: the bytes kept aside while it is `held`."""
    if not held:
        return "full" if free_bytes < reserve // FULL_PART else "reserve"
    return "low" if free_bytes < DISK_LOW_BYTES else "ok"


def province_of(office: str) -> str:
    """The province's part of an agency code: `H26` of `H26.107`, also of `000.00.16.H26`."""
    parts = [part for part in office.split(".") if part[:1].isalpha()]
    return parts[0] if parts else office


def _uuid(data: bytes) -> str:
    hexed = data.hex()
    return "-".join((hexed[:8], hexed[8:12], hexed[12:16], hexed[16:20], hexed[20:]))
