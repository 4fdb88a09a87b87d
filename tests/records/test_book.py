"""The register book: continuous through the year, one volume to one journal."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from records.book import HighestNumber, belongs_to_paper, holes, next_entry, volume_of
from records.codes import BookRef
from records.leases import Lease

OURS, THEIRS = "ab" * 16, "cd" * 16


def lease(
    volume: int = 1,
    book_next: int = 1,
    first_day: date = date(2026, 11, 1),
    journal: str = OURS,
    last_day: date | None = None,
) -> Lease:
    return Lease(
        journal=journal,
        prefix="H26.107",
        first=1,
        last=999,
        first_day=first_day,
        last_day=last_day or first_day.replace(month=12, day=31),
        volume=volume,
        book_next=book_next,
    )


def wrote(numbers: dict[tuple[int, int], int]) -> HighestNumber:
    return lambda year, volume: numbers.get((year, volume))


NOTHING = wrote({})


def entry(day: date, *leases: Lease, highest: HighestNumber = NOTHING) -> BookRef | None:
    return next_entry(leases, journal=OURS, day=day, highest=highest)


def test_the_first_entry_is_what_the_province_names() -> None:
    assert entry(date(2026, 11, 21), lease(book_next=1834)) == BookRef(2026, 1, 1834)


def test_the_next_entry_follows_what_was_written_last() -> None:
    found = entry(date(2026, 11, 21), lease(), highest=wrote({(2026, 1): 56}))
    assert found == BookRef(2026, 1, 57)


def test_a_journal_behind_the_province_goes_on_where_the_province_is() -> None:
    found = entry(date(2026, 11, 21), lease(book_next=100), highest=wrote({(2026, 1): 56}))
    assert found == BookRef(2026, 1, 100)


def test_a_new_year_begins_at_one() -> None:
    found = entry(date(2027, 1, 4), lease(book_next=1834), highest=wrote({(2026, 1): 1900}))
    assert found == BookRef(2027, 1, 1)


def test_the_book_goes_on_after_the_days_of_the_lease() -> None:
    assert entry(date(2026, 12, 31), lease(first_day=date(2025, 1, 1))) == BookRef(2026, 1, 1)


def test_the_newest_lease_names_the_volume() -> None:
    leases = [lease(volume=1, book_next=57), lease(volume=2), lease(volume=9, journal=THEIRS)]
    assert volume_of(leases, OURS, 2026) == 2
    assert entry(date(2026, 11, 21), *leases) == BookRef(2026, 2, 1)


def test_next_years_lease_does_not_move_this_years_volume() -> None:
    ours = lease(volume=2, first_day=date(2026, 12, 1), last_day=date(2026, 12, 31))
    next_year = lease(volume=3, first_day=date(2027, 1, 1), last_day=date(2027, 1, 30))
    assert entry(date(2026, 12, 20), ours, next_year) == BookRef(2026, 2, 1)
    assert entry(date(2027, 1, 4), ours, next_year) == BookRef(2027, 3, 1)


def test_an_office_cut_off_over_new_year_goes_on_with_its_volume() -> None:
    ours = lease(volume=2, first_day=date(2026, 12, 1), last_day=date(2026, 12, 31))
    assert entry(date(2027, 1, 4), ours) == BookRef(2027, 2, 1)


def test_a_clock_before_every_lease_still_finds_the_volume() -> None:
    assert entry(date(1970, 1, 1), lease(volume=2)) == BookRef(1970, 2, 1)


def test_without_a_lease_there_is_no_volume() -> None:
    assert volume_of([lease(journal=THEIRS)], OURS, 2026) is None
    assert entry(date(2026, 11, 21), lease(journal=THEIRS)) is None


def test_a_volume_that_a_lease_names_is_not_paper() -> None:
    assert not belongs_to_paper([lease(volume=1)], 1)
    assert belongs_to_paper([lease(volume=1)], 7)


def test_holes_are_named() -> None:
    assert holes([1, 2, 3]) == ()
    assert holes([4, 1]) == (2, 3)
    assert holes([]) == ()


@given(st.lists(st.sampled_from([2026, 2027]), max_size=60))
def test_a_book_written_by_these_rules_has_no_hole(years: list[int]) -> None:
    written: dict[tuple[int, int], int] = {}
    numbers: dict[int, list[int]] = {2026: [], 2027: []}
    for year in sorted(years):
        found = entry(date(year, 6, 1), lease(), highest=wrote(written))
        assert found is not None
        written[year, found.volume] = found.number
        numbers[year].append(found.number)
    assert all(holes(found) == () for found in numbers.values())
