"""Serials that belong to one journal on given days."""

from collections.abc import Mapping
from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.calendar import Calendar
from records.leases import (
    HighestSerial,
    Lease,
    LeaseWarning,
    NumberOffer,
    lease_warnings,
    leased_until,
    left_on,
    offer,
)

OURS, THEIRS = "ab" * 16, "cd" * 16
FRIDAY = date(2026, 11, 20)
CALENDAR = Calendar()
EXAMPLE = (
    b'{"journal":"abababababababababababababababab","prefix":"H26.107","from":1,"to":999,"width":4,'
    b'"first_day":"2026-11-21","last_day":"2026-12-20","volume":1,"book_next":1,"fields":null}'
)


def lease(
    first: int = 1,
    last: int = 999,
    first_day: date = date(2026, 11, 1),
    last_day: date = date(2026, 11, 30),
    fields: tuple[str, ...] | None = None,
    journal: str = OURS,
) -> Lease:
    return Lease(
        journal=journal,
        prefix="H26.107",
        first=first,
        last=last,
        first_day=first_day,
        last_day=last_day,
        volume=1,
        book_next=1,
        fields=fields,
    )


def used(serials: Mapping[date, list[int]]) -> HighestSerial:
    def highest(_prefix: str, day: date, first: int, last: int) -> int | None:
        return max((s for s in serials.get(day, []) if first <= s <= last), default=None)

    return highest


NONE_USED = used({})


def test_the_body_of_the_desk_event_is_read_and_written_back() -> None:
    read = msgspec.json.decode(EXAMPLE, type=Lease)
    assert (read.first, read.last, read.first_day) == (1, 999, date(2026, 11, 21))
    assert msgspec.json.decode(msgspec.json.encode(read)) == msgspec.json.decode(EXAMPLE)
    assert read.serials_a_day == 999


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        (b'"from":1,"to":999', b'"from":9,"to":8'),
        (b'"from":1', b'"from":0'),
        (b'"last_day":"2026-12-20"', b'"last_day":"2026-11-20"'),
        (b"abababababababababababababababab", b"short"),
        (b"H26.107", b"h26"),
        (b'"volume":1', b'"volume":0'),
        (b'"width":4', b'"width":3'),
    ],
)
def test_a_wrong_body_is_refused(part: bytes, wrong: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(EXAMPLE.replace(part, wrong), type=Lease)


def test_the_first_dossier_of_a_day_takes_the_first_serial() -> None:
    found = offer([lease()], journal=OURS, day=FRIDAY, procedure_field="Đất đai", highest=NONE_USED)
    assert found == NumberOffer("H26.107", FRIDAY, 1, 4)
    assert found.code == "H26.107-261120-0001"


def test_serials_go_on_through_the_day_and_begin_again_on_the_next() -> None:
    taken = used({FRIDAY: [1, 2, 3]})
    for day, serial in ((FRIDAY, 4), (date(2026, 11, 23), 1)):
        found = offer([lease()], journal=OURS, day=day, procedure_field="x", highest=taken)
        assert found is not None
        assert found.serial == serial


@pytest.mark.parametrize("day", [date(2026, 10, 31), date(2026, 12, 1)])
def test_a_day_outside_the_lease_gets_no_code(day: date) -> None:
    found = offer([lease()], journal=OURS, day=day, procedure_field="x", highest=NONE_USED)
    assert found is None


def test_both_ends_of_the_period_belong_to_it() -> None:
    assert lease().covers(OURS, date(2026, 11, 1), "x")
    assert lease().covers(OURS, date(2026, 11, 30), "x")


def test_another_journals_lease_is_never_used() -> None:
    theirs = lease(journal=THEIRS)
    assert not theirs.covers(OURS, FRIDAY, "x")
    found = offer([theirs], journal=OURS, day=FRIDAY, procedure_field="x", highest=NONE_USED)
    assert found is None


def test_a_lease_for_a_field_goes_before_the_general_one() -> None:
    leases = [lease(), lease(5000, 5999, fields=("Hộ tịch",))]
    for field, serial in (("Hộ tịch", 5000), ("Đất đai", 1)):
        found = offer(leases, journal=OURS, day=FRIDAY, procedure_field=field, highest=NONE_USED)
        assert found is not None
        assert found.serial == serial


def test_a_used_up_lease_is_followed_by_the_next() -> None:
    leases = [lease(1, 2), lease(10, 12)]
    taken = used({FRIDAY: [1, 2]})
    found = offer(leases, journal=OURS, day=FRIDAY, procedure_field="x", highest=taken)
    assert found is not None
    assert found.serial == 10


def test_when_all_serials_are_gone_there_is_no_code() -> None:
    taken = used({FRIDAY: [1, 2]})
    found = offer([lease(1, 2)], journal=OURS, day=FRIDAY, procedure_field="x", highest=taken)
    assert found is None


def test_left_counts_overlapping_renewals_once() -> None:
    renewed = lease(last_day=date(2026, 12, 31))
    taken = used({FRIDAY: [1, 2, 3]})
    leases = [lease(), renewed, lease(2000, 2009), lease(1, 9, fields=("Hộ tịch",))]
    assert left_on(leases, journal=OURS, day=FRIDAY, highest=taken) == 996 + 10
    assert left_on(leases, journal=OURS, day=date(2027, 1, 1), highest=taken) == 0


def test_leased_until_joins_leases_over_days_off_only() -> None:
    first = lease(last_day=date(2026, 11, 20))  # Friday
    monday = lease(first_day=date(2026, 11, 23), last_day=date(2026, 11, 27))
    later = lease(first_day=date(2026, 12, 1), last_day=date(2026, 12, 31))

    def until(*leases: Lease, today: date = FRIDAY) -> date | None:
        return leased_until(leases, journal=OURS, today=today, calendar=CALENDAR)

    assert until(first) == FRIDAY
    assert until(monday, first) == date(2026, 11, 27)
    assert until(first, monday, later) == date(2026, 11, 27)  # Monday 30/11 is a gap
    assert until(monday) is None
    assert until(monday, today=date(2026, 11, 21)) == date(2026, 11, 27)
    assert until(first, today=date(2026, 11, 23)) is None
    assert until(lease(journal=THEIRS), lease(fields=("x",))) is None


def warned(last_day: date, *, left: int = 100, busiest: int = 10) -> list[LeaseWarning]:
    found = lease_warnings(
        [lease(last_day=last_day)],
        journal=OURS,
        today=FRIDAY,
        calendar=CALENDAR,
        left_today=left,
        busiest=busiest,
    )
    return list(found)


def test_it_warns_when_two_working_days_are_left() -> None:
    # Monday 23/11, Wednesday 25/11 (the 24th is off), Thursday 26/11
    assert warned(date(2026, 11, 26)) == []
    assert warned(date(2026, 11, 25)) == [LeaseWarning("lease-ending", 2, 100)]
    assert warned(date(2026, 11, 20)) == [LeaseWarning("lease-ending", 0, 100)]
    assert warned(date(2026, 11, 19)) == [LeaseWarning("lease-ending", 0, 100)]


def test_it_warns_when_less_is_left_than_the_busiest_day_took() -> None:
    far = date(2026, 12, 31)
    assert warned(far, left=10, busiest=10) == []
    assert [one.code for one in warned(far, left=9, busiest=10)] == ["lease-low"]
    assert warned(far, left=1, busiest=0) == []
    assert [one.code for one in warned(far, left=0, busiest=0)] == ["lease-low"]
    both = [one.code for one in warned(FRIDAY, left=0, busiest=1)]
    assert both == ["lease-ending", "lease-low"]


def test_overlapping_ranges_are_counted_once() -> None:
    leases = [lease(1, 10), lease(5, 20), lease(100, 110)]
    taken = used({FRIDAY: [12, 101]})
    assert left_on(leases, journal=OURS, day=FRIDAY, highest=taken) == 8 + 9
    assert left_on(leases, journal=THEIRS, day=FRIDAY, highest=taken) == 0


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=4))
def test_a_day_never_gives_a_serial_twice(ranges: list[tuple[int, int]]) -> None:
    leases = [lease(min(pair), max(pair)) for pair in ranges]
    given_serials: list[int] = []
    while True:
        found = offer(
            leases,
            journal=OURS,
            day=FRIDAY,
            procedure_field="x",
            highest=used({FRIDAY: given_serials}),
        )
        if found is None:
            break
        assert found.serial not in given_serials
        given_serials.append(found.serial)
    assert set(given_serials) <= {n for low in leases for n in range(low.first, low.last + 1)}
