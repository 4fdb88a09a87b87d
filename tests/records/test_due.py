"""The due time, as the law counts it and as forms print it."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.calendar import OFFICE_ZONE, Calendar, CalendarSet, fold, shipped
from records.due import (
    due_time,
    falls_on_day_off,
    filing_day,
    is_overdue,
    is_short_notice,
    lateness,
    notice_deadline,
)

PLAIN = Calendar()
SHIPPED = fold([shipped().body])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=OFFICE_ZONE)


EXAMPLES = [
    pytest.param("2026-11-20T10:00", 5, "2026-11-30T17:00", id="Friday morning, 5 days"),
    pytest.param("2026-11-20T15:00", 5, "2026-12-01T17:00", id="Friday 15:00 sharp, 5 days"),
    pytest.param("2026-11-20T14:59", 0, "2026-11-20T17:00", id="Friday 14:59, same day"),
    pytest.param("2026-11-20T15:00", 0, "2026-11-23T17:00", id="Friday 15:00 sharp, same day"),
    pytest.param("2026-11-21T09:00", 1, "2026-11-25T17:00", id="Saturday, 1 day"),
]


@pytest.mark.parametrize(("filed", "days", "due"), EXAMPLES)
@pytest.mark.parametrize("calendar", [PLAIN, SHIPPED], ids=["holidays alone", "with the overlay"])
def test_the_five_examples(filed: str, days: int, due: str, calendar: Calendar) -> None:
    assert due_time(at(filed), days, calendar) == at(due)


def test_the_last_second_before_the_cut_off_still_counts_for_the_day() -> None:
    assert due_time(at("2026-11-20T14:59:59.999"), 0, PLAIN) == at("2026-11-20T17:00")


def test_a_filing_before_opening_counts_for_the_day() -> None:
    assert due_time(at("2026-11-20T05:00"), 0, PLAIN) == at("2026-11-20T17:00")


def test_no_published_time_gives_no_due_time() -> None:
    assert due_time(at("2026-11-20T10:00"), None, PLAIN) is None


def test_the_zone_of_the_machine_does_not_matter() -> None:
    filed = at("2026-11-20T14:59")
    for zone in (UTC, timezone(timedelta(hours=-11)), timezone(timedelta(hours=14))):
        assert due_time(filed.astimezone(zone), 0, PLAIN) == at("2026-11-20T17:00")


def test_the_answer_is_in_office_time() -> None:
    due = due_time(datetime(2026, 11, 20, 3, tzinfo=UTC), 0, PLAIN)
    assert due is not None
    assert due.isoformat() == "2026-11-20T17:00:00+07:00"


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        due_time(datetime.fromisoformat("2026-11-20T10:00"), 1, PLAIN)


@pytest.mark.parametrize("days", [-1, 1001])
def test_a_count_out_of_reason_is_refused(days: int) -> None:
    with pytest.raises(ValueError, match="working_days"):
        due_time(at("2026-11-20T10:00"), days, PLAIN)


def test_a_filing_on_the_eve_of_tet_belongs_to_the_first_day_after_it() -> None:
    # 16/2 to 20/2/2026 are off; the next working day is Monday 23/2
    assert due_time(at("2026-02-13T15:00"), 0, PLAIN) == at("2026-02-23T17:00")
    assert due_time(at("2026-02-13T10:00"), 1, PLAIN) == at("2026-02-23T17:00")


def test_counting_crosses_the_end_of_the_year() -> None:
    # Thursday 31/12/2026 15:00 -> Monday 4/1/2027, since 1/1 is off and a Friday
    assert due_time(at("2026-12-31T15:00"), 0, PLAIN) == at("2027-01-04T17:00")
    assert due_time(at("2026-12-31T10:00"), 2, PLAIN) == at("2027-01-05T17:00")


def test_a_saturday_that_the_province_makes_a_working_day_counts() -> None:
    # Friday 2/1/2026 is swapped with Saturday 10/1
    assert due_time(at("2026-01-10T09:00"), 0, SHIPPED) == at("2026-01-10T17:00")
    assert due_time(at("2026-01-09T15:00"), 0, SHIPPED) == at("2026-01-10T17:00")
    assert due_time(at("2026-01-01T09:00"), 0, SHIPPED) == at("2026-01-05T17:00")
    assert due_time(at("2026-01-01T09:00"), 0, PLAIN) == at("2026-01-02T17:00")


def test_a_closure_of_weeks_is_walked_over() -> None:
    closed = {date(2026, 12, 1) + timedelta(days=n): "off" for n in range(60)}
    calendar = PLAIN.with_set(CalendarSet(days=closed))  # type: ignore[arg-type]
    assert due_time(at("2026-12-01T10:00"), 0, calendar) == at("2027-02-01T17:00")


def test_other_hours_move_the_closing_time_and_the_cut_off() -> None:
    calendar = PLAIN.with_set(CalendarSet(cutoff="10:30", hours=(("07:00", "12:00"),)))
    assert due_time(at("2026-11-20T10:29"), 0, calendar) == at("2026-11-20T12:00")
    assert due_time(at("2026-11-20T10:30"), 0, calendar) == at("2026-11-23T12:00")


@pytest.mark.parametrize(
    ("resolved", "word"),
    [
        ("2026-11-29T23:59", "early"),
        ("2026-11-30T00:00", "on_time"),
        ("2026-11-30T23:59", "on_time"),
        ("2026-12-01T00:00", "late"),
    ],
)
def test_lateness_compares_dates_not_hours(resolved: str, word: str) -> None:
    assert lateness(at("2026-11-30T17:00"), at(resolved)) == word


def test_lateness_looks_at_the_office_date() -> None:
    due = at("2026-11-30T17:00")
    assert lateness(due, datetime(2026, 11, 30, 17, 1, tzinfo=UTC)) == "late"  # 0:01 at the office


def test_what_waits_for_papers_is_never_overdue() -> None:
    assert not is_overdue(None, at("2030-01-01T00:00"))
    assert is_overdue(at("2026-11-30T17:00"), at("2026-12-01T00:00"))
    assert not is_overdue(at("2026-11-30T17:00"), at("2026-11-30T18:00"))


def test_a_calendar_that_came_late_names_the_dates_to_call_about() -> None:
    due = at("2026-12-30T17:00")
    assert not falls_on_day_off(due, PLAIN)
    assert falls_on_day_off(due, PLAIN.with_set(CalendarSet(days={date(2026, 12, 30): "off"})))


def test_notice_ends_one_working_day_before() -> None:
    due = at("2026-11-25T17:00")  # Wednesday after the day off on Tuesday
    assert notice_deadline(due, PLAIN) == at("2026-11-23T17:00")
    assert not is_short_notice(at("2026-11-23T17:00"), due, PLAIN)
    assert is_short_notice(at("2026-11-23T17:00:01"), due, PLAIN)


moments = st.builds(
    lambda day, seconds: datetime.combine(day, time(), OFFICE_ZONE) + timedelta(seconds=seconds),
    st.dates(date(2021, 1, 1), date(2043, 12, 31)),
    st.integers(0, 86_399),
)
overlays = st.dictionaries(
    st.dates(date(2021, 1, 1), date(2044, 12, 31)), st.booleans(), max_size=30
)


@given(moments, st.integers(0, 60), overlays)
def test_due_is_the_close_of_a_working_day_and_exactly_n_after_the_filing_day(
    filed: datetime, days: int, overlay: dict[date, bool]
) -> None:
    calendar = Calendar(overlay.items())
    due = due_time(filed, days, calendar)
    assert due is not None
    start = filing_day(filed, calendar)
    assert calendar.is_working(due.date())
    assert due.timetz() == time(17, tzinfo=OFFICE_ZONE)
    assert calendar.working_days_between(start, due.date()) == days
    assert calendar.is_working(start)
    if filed.time() >= time(15):
        assert start > filed.date()
    else:
        assert start >= filed.date()


@given(moments, moments, st.integers(0, 40), overlays)
def test_who_files_later_is_not_due_earlier(
    one: datetime, other: datetime, days: int, overlay: dict[date, bool]
) -> None:
    calendar = Calendar(overlay.items())
    early, late = sorted([one, other])
    first, second = due_time(early, days, calendar), due_time(late, days, calendar)
    assert first is not None
    assert second is not None
    assert first <= second


@given(moments, st.integers(0, 30), st.dates(date(2021, 1, 1), date(2044, 12, 31)))
def test_one_more_day_off_never_brings_a_date_forward(
    filed: datetime, days: int, off: date
) -> None:
    before = due_time(filed, days, PLAIN)
    after = due_time(filed, days, PLAIN.with_set(CalendarSet(days={off: "off"})))
    assert before is not None
    assert after is not None
    assert after >= before
