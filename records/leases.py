"""Number leases: serials of the province's dossier codes that belong to one journal on given days.

The official code is issued by the province (Decree 61/2018 art. 26, TT 01/2018 art. 17). An
office that may be offline for a week must not invent one, so the province *leases* serials ahead
of time: on each day from `first_day` to `last_day`, the serials `from`..`to` belong to this
journal alone. `fields` limits a lease to fields of the catalogue that another system numbers.
Without a matching lease a dossier has its book number only, and gets its code later
(`numbers.mapped`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

from records.calendar import Calendar
from records.codes import AGENCY_CODE_CHARS_MAX, format_code
from records.limits import BOOK_NUMBER_MAX, VOLUME_MAX

SERIAL_MAX: Final = 999_999_999_999
WARN_WORKING_DAYS_MAX: Final = 2

HighestSerial = Callable[[str, date, int, int], int | None]
"""(prefix, day, from, to) -> the highest serial of that day used within from..to, or None."""


class Lease(Struct, frozen=True, kw_only=True):
    """Body of the desk event `numbers.leased`."""

    journal: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    prefix: Annotated[str, Meta(pattern=r"^[0-9A-Z.]+$", max_length=AGENCY_CODE_CHARS_MAX)]
    first: Annotated[int, Meta(ge=1, le=SERIAL_MAX)] = field(name="from")
    last: Annotated[int, Meta(ge=1, le=SERIAL_MAX)] = field(name="to")
    width: Annotated[int, Meta(ge=4, le=12)] = 4
    first_day: date
    last_day: date
    volume: Annotated[int, Meta(ge=1, le=VOLUME_MAX)]
    book_next: Annotated[int, Meta(ge=1, le=BOOK_NUMBER_MAX)]
    fields: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse a range or a period that runs backwards (msgspec reports it with its path)."""
        if self.last < self.first:
            msg = "to must not lie before from"
            raise ValueError(msg)
        if self.last_day < self.first_day:
            msg = "last_day must not lie before first_day"
            raise ValueError(msg)

    @property
    def serials_a_day(self) -> int:
        """How many codes a day this lease gives."""
        return self.last - self.first + 1

    def covers(self, journal: str, day: date, procedure_field: str) -> bool:
        """Tell whether a dossier of this field, received that day there, may take a serial."""
        return (
            self.journal == journal
            and self.first_day <= day <= self.last_day
            and (self.fields is None or procedure_field in self.fields)
        )


class NumberOffer(Struct, frozen=True):
    """The next serial a journal may give on a day."""

    prefix: str
    day: date
    serial: int
    width: int

    @property
    def code(self) -> str:
        """The dossier code this serial makes."""
        return format_code(self.prefix, self.day, self.serial, self.width)


class LeaseWarning(Struct, frozen=True):
    """Numbers are about to run out: by day (`lease-ending`) or today (`lease-low`)."""

    code: Literal["lease-ending", "lease-low"]
    working_days_left: int
    left_today: int


def offer(
    leases: Iterable[Lease],
    *,
    journal: str,
    day: date,
    procedure_field: str,
    highest: HighestSerial,
) -> NumberOffer | None:
    """Give the next free serial for a dossier received on `day`, or None when no lease covers it.

    A lease that names the field goes before one for all fields; among equals, the older one is
    used up first. A serial below one already given is never offered, so a renewed lease may
    overlap an old one.
    """
    covering = [lease for lease in leases if lease.covers(journal, day, procedure_field)]
    for lease in sorted(covering, key=lambda lease: lease.fields is None):
        used = highest(lease.prefix, day, lease.first, lease.last)
        serial = lease.first if used is None else max(lease.first, used + 1)
        if serial <= lease.last:
            return NumberOffer(lease.prefix, day, serial, lease.width)
    return None


def left_on(leases: Iterable[Lease], *, journal: str, day: date, highest: HighestSerial) -> int:
    """Count the serials of leases for all fields that are still free on `day`."""
    return sum(
        last - (highest(prefix, day, first, last) or first - 1)
        for prefix, first, last in _ranges(leases, journal, day)
    )


def leased_until(
    leases: Iterable[Lease], *, journal: str, today: date, calendar: Calendar
) -> date | None:
    """Give the last day of the unbroken leases that hold today; None when none does.

    Days off between two leases are no gap.
    """
    mine = sorted(_general(leases, journal), key=lambda lease: lease.first_day)
    until: date | None = None
    for lease in mine:
        if lease.last_day < today or (until is not None and lease.last_day <= until):
            continue
        reached = _next_needed(until, today, calendar)
        if lease.first_day > reached:
            break
        until = lease.last_day
    return until


def lease_warnings(
    leases: Sequence[Lease],
    *,
    journal: str,
    today: date,
    calendar: Calendar,
    left_today: int,
    busiest: int,
) -> tuple[LeaseWarning, ...]:
    """Warn when the last leased day is two working days off or less, or too little is left today.

    `busiest` is what the busiest of the last ten days took; less left today than that warns, and
    so does nothing left, however quiet those days were.
    """
    until = leased_until(leases, journal=journal, today=today, calendar=calendar)
    days = 0 if until is None else calendar.working_days_between(today, until)
    found: list[LeaseWarning] = []
    if days <= WARN_WORKING_DAYS_MAX:
        found.append(LeaseWarning("lease-ending", days, left_today))
    if left_today < max(busiest, 1):
        found.append(LeaseWarning("lease-low", days, left_today))
    return tuple(found)


def _next_needed(until: date | None, today: date, calendar: Calendar) -> date:
    """Give the next working day that still needs a lease."""
    if until is None:
        return calendar.working_on_or_after(today)
    return calendar.next_working(until)


def _general(leases: Iterable[Lease], journal: str) -> list[Lease]:
    return [lease for lease in leases if lease.journal == journal and lease.fields is None]


def _ranges(leases: Iterable[Lease], journal: str, day: date) -> list[tuple[str, int, int]]:
    """Give the serials held on a day as (prefix, from, to), overlaps of renewed leases joined."""
    held = sorted(
        (lease.prefix, lease.first, lease.last)
        for lease in _general(leases, journal)
        if lease.first_day <= day <= lease.last_day
    )
    joined: list[tuple[str, int, int]] = []
    for prefix, first, last in held:
        if joined and joined[-1][0] == prefix and first <= joined[-1][2]:
            joined[-1] = (prefix, joined[-1][1], max(last, joined[-1][2]))
        else:
            joined.append((prefix, first, last))
    return joined
