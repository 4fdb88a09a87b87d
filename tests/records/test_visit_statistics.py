"""The visitor report."""

from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from records.calendar import OFFICE_ZONE
from records.desk_events import PolicySet, RoomCap
from records.moment import to_ms
from records.visit_statistics import VisitStatistics, caps, visit_statistics
from records.visits import Visit

DAY = date(2026, 11, 20)


def at(hour: int, minute: int = 0, day: date = DAY) -> int:
    return to_ms(datetime(day.year, day.month, day.day, hour, minute, tzinfo=OFFICE_ZONE))


def report(*visits: Visit) -> VisitStatistics:
    return visit_statistics(
        visits,
        office="H26.107",
        first_day=DAY,
        last_day=DAY + timedelta(days=1),
        now_ms=at(18),
        caps_of=lambda day: {"main": 20} if day == DAY else {},
    )


def test_a_room_on_a_day_is_one_row() -> None:
    told = report(
        Visit(in_at_ms=at(8), out_at_ms=at(9), method="declared_by_staff", suspected=True),
        Visit(in_at_ms=at(8, 30), out_at_ms=at(10), person="staff"),
        Visit(in_at_ms=at(9, 30), out_at_ms=at(10)),
        Visit(in_at_ms=at(8), room="hall"),
        Visit(in_at_ms=at(8, day=DAY + timedelta(days=1))),
    )
    hall, main, next_day = told.rows
    assert (hall.room, hall.visitors, hall.peak, hall.cap) == ("hall", 1, 1, None)
    assert (main.visitors, main.staff, main.peak, main.cap) == (2, 1, 2, 20)
    assert (main.declared_by_staff, main.suspected) == (1, 1)
    assert next_day.day == DAY + timedelta(days=1)
    assert (told.totals.visitors, told.totals.staff, told.totals.peak) == (4, 1, 2)


def test_somebody_only_seen_leaving_counts_but_was_in_no_room() -> None:
    (row,) = report(Visit(out_at_ms=at(9))).rows
    assert (row.visitors, row.peak) == (1, 0)


def test_a_visit_nobody_saw_the_time_of_is_on_no_day() -> None:
    assert report(Visit(method="pass")).rows == ()


def test_no_visit_is_an_empty_report() -> None:
    told = report()
    assert told.rows == ()
    assert (told.totals.visitors, told.totals.peak, told.totals.cap) == (0, 0, None)


def order(start: int, until: int | None, *seats: RoomCap) -> PolicySet:
    day = datetime(2026, 11, 20, tzinfo=OFFICE_ZONE)
    return PolicySet(
        order=f"{start}/UBND",
        title="Chỉ thị",
        start=day + timedelta(hours=start),
        until=None if until is None else day + timedelta(hours=until),
        seats=seats or None,
    )


def test_the_order_in_force_with_the_latest_start_says_how_many() -> None:
    half = order(0, None, RoomCap(room="main", capacity=41, share=0.5, max_people=30))
    noon = order(12, 13, RoomCap(room="main", max_people=5), RoomCap(room="hall"))
    silent = order(12, None)
    orders = [half, noon, silent]
    assert caps(orders, at(8)) == {"main": 20}
    assert caps(orders, at(12)) == {"main": 5}
    assert caps(orders, at(13)) == {"main": 20}
    assert caps(orders, at(8, day=DAY - timedelta(days=1))) == {}


times = st.integers(0, 600).map(lambda minutes: at(7) + minutes * 60_000)


@given(st.lists(st.tuples(times, st.one_of(st.none(), times)), max_size=12))
def test_the_peak_is_what_counting_every_minute_finds(stays: list[tuple[int, int | None]]) -> None:
    visits = [
        Visit(in_at_ms=come, out_at_ms=None if gone is None else max(come + 60_000, gone))
        for come, gone in stays
    ]
    counted = max(
        (
            sum(
                v.in_at_ms is not None
                and v.in_at_ms <= minute
                and (v.out_at_ms is None or minute < v.out_at_ms)
                for v in visits
            )
            for minute in range(at(7), at(18), 60_000)
        ),
        default=0,
    )
    assert report(*visits).totals.peak == counted
