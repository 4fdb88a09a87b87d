"""Working days, office hours and the cut-off of one province.

Base: the public holidays of Viet Nam (see `holiday_table`). Over it lies what the province
publishes as `calendar.set`: single days that are off or worked (swapped days are announced a week
ahead, so a Saturday can become a working day), the hour after which a filing counts for the next
working day, and the hours of a day. docs/domain: every rule that could change is data.

All times are office time, +07:00, whatever the machine's zone; Viet Nam has no summer time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from records.holiday_table import holidays_of

OFFICE_ZONE: Final = timezone(timedelta(hours=7))
"""Viet Nam: one zone, no summer time."""
DAY: Final = timedelta(days=1)
SATURDAY: Final = 5

ClockTime = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""An hour of the day as the desk event writes it: `HH:MM`."""


class CalendarSet(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of the desk event `calendar.set`; what it does not name stays as it was."""

    days: dict[date, Literal["off", "work"]] = {}
    cutoff: ClockTime | None = None
    hours: Annotated[tuple[tuple[ClockTime, ClockTime], ...], Meta(min_length=1)] | None = None

    def __post_init__(self) -> None:
        """Refuse hours that overlap or run backwards (msgspec reports it with its path)."""
        edges = [edge for pair in self.hours or () for edge in pair]
        if any(later <= earlier for earlier, later in pairwise(edges)):
            msg = "hours must follow one another, each from before to"
            raise ValueError(msg)


class CalendarSource(Struct, frozen=True):
    """Where one entry of the shipped calendar comes from, and how certain it is (H, M or ?)."""

    day: date
    certainty: Literal["H", "M", "?"]
    source: str


class ShippedCalendar(Struct, frozen=True):
    """The sample overlay that comes with the software: version, body, and a source for each day."""

    version: str
    body: CalendarSet
    sources: tuple[CalendarSource, ...]


class Calendar:
    """Which days are worked, when a day closes, and from when a filing counts for the next day.

    Values never change; `with_set` gives the next calendar. Two calendars are equal when their
    parts are.
    """

    __slots__ = ("_hash", "cutoff", "days", "hours")

    def __init__(
        self,
        days: Iterable[tuple[date, bool]] = (),
        cutoff: time = time(15),
        hours: tuple[tuple[time, time], ...] = (
            (time(7, 30), time(11, 30)),
            (time(13, 30), time(17)),
        ),
    ) -> None:
        """Take the overlay as (day, worked) pairs over the public holidays."""
        self.days: Final = dict(days)
        self.cutoff: Final = cutoff
        self.hours: Final = hours
        self._hash: Final = hash((frozenset(self.days.items()), cutoff, hours))

    def with_set(self, body: CalendarSet) -> Calendar:
        """Lay a published `calendar.set` over this one; what it does not name stays."""
        overlay = self.days | {day: word == "work" for day, word in body.days.items()}
        cutoff = self.cutoff if body.cutoff is None else time.fromisoformat(body.cutoff)
        hours = self.hours
        if body.hours is not None:
            hours = tuple((time.fromisoformat(a), time.fromisoformat(b)) for a, b in body.hours)
        return Calendar(overlay.items(), cutoff, hours)

    def is_working(self, day: date) -> bool:
        """Tell whether the office works on `day`: the overlay's word, else the base calendar's."""
        worked = self.days.get(day)
        if worked is not None:
            return worked
        base = holidays_of(day.year)
        if day.weekday() >= SATURDAY:
            return day in base.worked
        return day not in base.off

    def working_on_or_after(self, day: date) -> date:
        """Give `day` itself when it is worked, else the next working day."""
        while not self.is_working(day):
            day += DAY
        return day

    def next_working(self, day: date) -> date:
        """Give the first working day after `day`."""
        return self.working_on_or_after(day + DAY)

    def previous_working(self, day: date) -> date:
        """Give the last working day before `day`."""
        day -= DAY
        while not self.is_working(day):
            day -= DAY
        return day

    def add_working_days(self, day: date, count: int) -> date:
        """Give the `count`-th working day after `day` (`count` >= 0; 0 is `day` as it is)."""
        return _nth_working(self, day, count)

    def working_days_between(self, after: date, until: date) -> int:
        """Count the working days later than `after`, up to and with `until`."""
        return sum(self.is_working(after + DAY * n) for n in range(1, (until - after).days + 1))

    def closing(self, day: date) -> datetime:
        """Give the end of the last `hours` of `day`."""
        return datetime.combine(day, self.hours[-1][1], OFFICE_ZONE)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Calendar):
            return NotImplemented
        return (self.days, self.cutoff, self.hours) == (other.days, other.cutoff, other.hours)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Calendar({len(self.days)} days, cutoff={self.cutoff}, hours={self.hours})"


@lru_cache(maxsize=512)
def _nth_working(calendar: Calendar, day: date, count: int) -> date:
    for _ in range(count):
        day = calendar.next_working(day)
    return day


def fold(bodies: Iterable[CalendarSet]) -> Calendar:
    """Build the calendar that holds after these `calendar.set` bodies, oldest first."""
    calendar = Calendar()
    for body in bodies:
        calendar = calendar.with_set(body)
    return calendar


@lru_cache(maxsize=1)
def shipped() -> ShippedCalendar:
    """Load the sample overlay that ships with the software (records/data/calendar.json)."""
    data = files("records").joinpath("data/calendar.json").read_bytes()
    return msgspec.json.decode(data, type=ShippedCalendar)
