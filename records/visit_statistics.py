"""The visitor report: who came on each day, and how full each room was.

`peak` counts people inside at the same time. A visit that nobody ended counts as inside to the end
of its day; one that was only seen leaving counts as a person, but in no room's peak.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from math import floor

from msgspec import Struct, field

from records.desk_events import PolicySet, RoomCap
from records.moment import local, office_day, to_ms
from records.statistics import Completeness
from records.visits import Visit


class VisitStatisticsRow(Struct, frozen=True, kw_only=True):
    """One room on one day; `cap`: how many an order allows inside, None without one."""

    office: str | None
    day: date | None
    room: str | None
    visitors: int
    staff: int
    peak: int
    cap: int | None
    declared_by_staff: int
    suspected: int


COLUMNS: tuple[str, ...] = VisitStatisticsRow.__struct_fields__
"""The columns of the CSV, in order."""


class VisitStatistics(Struct, frozen=True, kw_only=True):
    """The report of a period; both days belong to it. `totals.peak` is the fullest room's."""

    first_day: date = field(name="from")
    last_day: date = field(name="to")
    generated_at: str
    completeness: Completeness
    rows: tuple[VisitStatisticsRow, ...]
    totals: VisitStatisticsRow


def caps(orders: Sequence[PolicySet], at_ms: int) -> Mapping[str, int]:
    """Return how many each room holds at a moment, by the order in force with the latest start.

    min(floor(capacity x share), max_people), as far as each is given (docs/domain.md Orders).
    """
    held = [
        order
        for order in orders
        if order.seats is not None
        and to_ms(order.start) <= at_ms
        and (order.until is None or at_ms < to_ms(order.until))
    ]
    if not held:
        return {}
    newest = max(held, key=lambda order: to_ms(order.start))
    return {seat.room: cap for seat in newest.seats or () if (cap := _cap(seat)) is not None}


def _cap(seat: RoomCap) -> int | None:
    limits = [] if seat.max_people is None else [seat.max_people]
    if seat.capacity is not None:
        limits.append(floor(seat.capacity * (1.0 if seat.share is None else seat.share)))
    return min(limits, default=None)


def visit_statistics(
    visits: Iterable[Visit],
    *,
    office: str,
    first_day: date,
    last_day: date,
    now_ms: int,
    caps_of: Callable[[date], Mapping[str, int]],
) -> VisitStatistics:
    """Return the report of visits that all began in the period, or ended where only that was seen.

    `caps_of` tells how many each room held on a day.
    """
    rooms: dict[tuple[date, str], list[Visit]] = {}
    for visit in visits:
        seen_ms = visit.in_at_ms if visit.in_at_ms is not None else visit.out_at_ms
        if seen_ms is not None:
            rooms.setdefault((office_day(seen_ms), visit.room), []).append(visit)
    rows = tuple(
        _row(found, office=office, day=day, room=room, cap=caps_of(day).get(room))
        for (day, room), found in sorted(rooms.items())
    )
    return VisitStatistics(
        first_day=first_day,
        last_day=last_day,
        generated_at=local(now_ms).isoformat(),
        completeness=Completeness(offices=1, heard=1),
        rows=rows,
        totals=VisitStatisticsRow(
            office=None,
            day=None,
            room=None,
            visitors=sum(row.visitors for row in rows),
            staff=sum(row.staff for row in rows),
            peak=max((row.peak for row in rows), default=0),
            cap=None,
            declared_by_staff=sum(row.declared_by_staff for row in rows),
            suspected=sum(row.suspected for row in rows),
        ),
    )


def _row(
    visits: Sequence[Visit], *, office: str, day: date, room: str, cap: int | None
) -> VisitStatisticsRow:
    staff = sum(visit.person == "staff" for visit in visits)
    return VisitStatisticsRow(
        office=office,
        day=day,
        room=room,
        visitors=len(visits) - staff,
        staff=staff,
        peak=_peak(visits),
        cap=cap,
        declared_by_staff=sum(visit.method == "declared_by_staff" for visit in visits),
        suspected=sum(visit.suspected for visit in visits),
    )


def _peak(visits: Sequence[Visit]) -> int:
    moves: list[tuple[int, int]] = []
    for visit in visits:
        if visit.in_at_ms is None:
            continue
        moves.append((visit.in_at_ms, 1))
        if visit.out_at_ms is not None:
            moves.append((max(visit.out_at_ms, visit.in_at_ms), -1))
    # Somebody who leaves at the moment another comes makes room first, unless it is the same one.
    inside = peak = 0
    for _, step in sorted(moves):
        inside += step
        peak = max(peak, inside)
    return peak
