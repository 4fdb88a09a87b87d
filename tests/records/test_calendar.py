"""Working days: public holidays below, what the province publishes above."""

import subprocess
import sys
from datetime import date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.calendar import OFFICE_ZONE, Calendar, CalendarSet, fold, shipped
from records.holiday_table import holidays_of, table
from tools.holiday_table import FIRST_YEAR, LAST_YEAR, from_package

PLAIN = Calendar()


def decode(text: str) -> CalendarSet:
    return msgspec.json.decode(text, type=CalendarSet)


def test_the_table_is_what_the_package_says() -> None:
    assert sorted(table().years) == list(range(FIRST_YEAR, LAST_YEAR + 1))
    for year in table().years:
        assert holidays_of(year) == from_package(year), year


def test_working_days_are_told_without_importing_the_package() -> None:
    code = (
        "import sys; from datetime import date; from records.calendar import Calendar; "
        "[Calendar().is_working(date(year, 9, 2)) for year in (1970, 2026, 2038, 2106)]; "
        "sys.exit('holidays' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_years_outside_the_table_have_weekends_only() -> None:
    assert PLAIN.is_working(date(1900, 1, 1))
    assert not PLAIN.is_working(date(2200, 1, 4))
    assert not PLAIN.is_working(date(1, 1, 6))


def test_24_november_2026_is_a_day_off() -> None:
    assert not PLAIN.is_working(date(2026, 11, 24))
    assert PLAIN.is_working(date(2025, 11, 24))


def test_a_saturday_worked_in_exchange_by_the_nation_is_worked() -> None:
    assert PLAIN.is_working(date(2026, 8, 22))
    assert not PLAIN.is_working(date(2026, 8, 31))


def test_the_shipped_overlay_names_a_source_for_each_day() -> None:
    calendar = shipped()
    assert {source.day for source in calendar.sources} == set(calendar.body.days)
    assert all(source.source for source in calendar.sources)
    assert fold([calendar.body]).is_working(date(2026, 1, 10))
    assert not fold([calendar.body]).is_working(date(2026, 1, 2))


def test_the_example_of_the_interface_is_read() -> None:
    body = decode(
        '{"days":{"2026-01-02":"off","2026-01-10":"work"},"cutoff":"15:00",'
        '"hours":[["07:30","11:30"],["13:30","17:00"]]}'
    )
    assert body.days == {date(2026, 1, 2): "off", date(2026, 1, 10): "work"}
    assert PLAIN.with_set(body).closing(date(2026, 1, 10)) == datetime(
        2026, 1, 10, 17, tzinfo=OFFICE_ZONE
    )


def test_a_later_set_changes_only_what_it_names() -> None:
    first = CalendarSet(days={date(2026, 12, 30): "off"}, cutoff="14:00")
    second = CalendarSet(days={date(2026, 12, 31): "off"}, hours=(("08:00", "16:00"),))
    calendar = fold([first, second])
    assert not calendar.is_working(date(2026, 12, 30))
    assert not calendar.is_working(date(2026, 12, 31))
    assert calendar.cutoff.isoformat() == "14:00:00"
    assert calendar.closing(date(2026, 12, 29)).hour == 16


def test_a_day_off_can_be_taken_back() -> None:
    day = date(2026, 12, 30)
    calendar = fold([CalendarSet(days={day: "off"}), CalendarSet(days={day: "work"})])
    assert calendar.is_working(day)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"cutoff":"25:00"}', "cutoff"),
        ('{"cutoff":"3pm"}', "cutoff"),
        ('{"hours":[]}', "hours"),
        ('{"hours":[["07:30"]]}', "hours"),
        ('{"hours":[["11:30","07:30"]]}', "hours"),
        ('{"hours":[["07:30","12:00"],["11:00","17:00"]]}', "hours"),
        ('{"days":{"2026-02-30":"off"}}', "days"),
        ('{"days":{"2026-02-03":"maybe"}}', "days"),
    ],
)
def test_a_wrong_body_is_refused_naming_the_part(body: str, why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        decode(body)


def test_calendars_are_values() -> None:
    overlay = [(date(2026, 12, 30), False)]
    assert Calendar(overlay) == Calendar(overlay)
    assert hash(Calendar(overlay)) == hash(Calendar(overlay))
    assert Calendar(overlay) != Calendar()
    assert Calendar() != "calendar"
    assert repr(Calendar(overlay)).startswith("Calendar(1 days")


days = st.dates(date(2021, 1, 1), date(2044, 6, 1))
overlays = st.dictionaries(days, st.booleans(), max_size=30)


@given(days, overlays)
def test_next_and_previous_are_the_nearest_working_days(
    day: date, overlay: dict[date, bool]
) -> None:
    calendar = Calendar(overlay.items())
    after, before = calendar.next_working(day), calendar.previous_working(day)
    assert calendar.is_working(after)
    assert calendar.is_working(before)
    between = [day + timedelta(days=n) for n in range(1, (after - day).days)]
    assert not any(calendar.is_working(d) for d in between)
    between = [day - timedelta(days=n) for n in range(1, (day - before).days)]
    assert not any(calendar.is_working(d) for d in between)


@given(days, st.integers(0, 50), overlays)
def test_adding_is_repeated_stepping(day: date, count: int, overlay: dict[date, bool]) -> None:
    calendar = Calendar(overlay.items())
    stepped = day
    for _ in range(count):
        stepped = calendar.next_working(stepped)
    assert calendar.add_working_days(day, count) == stepped
