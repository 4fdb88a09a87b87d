"""The register book (Quyển/Số), the law's fallback for a number.

TT 01/2018 art. 10: continuous through the year, never restarted, never reused, no hole. A volume
belongs to exactly one journal, or to paper; the lease names it, and a new journal gets the next
volume. The key of a dossier in the book is (office_id, year, volume, number). With a new year
every volume begins at 1 again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from records.codes import BookRef
from records.leases import Lease

HighestNumber = Callable[[int, int], int | None]
"""(year, volume) -> the highest number this journal has written there, or None."""


def volume_of(leases: Iterable[Lease], journal: str, year: int) -> int | None:
    """Give the volume a journal writes in that year, or None when no lease ever named one.

    It is the one of the newest lease (the last here) with a day in that year; an office that was
    cut off over the turn of the year goes on with the volume it had before.
    """
    mine = [lease for lease in leases if lease.journal == journal]
    of_year = [one for one in mine if one.first_day.year <= year <= one.last_day.year]
    before = [one for one in mine if one.first_day.year <= year]
    for known in (of_year, before, mine):
        if known:
            return known[-1].volume
    return None


def next_entry(
    leases: Iterable[Lease], *, journal: str, day: date, highest: HighestNumber
) -> BookRef | None:
    """Give the next place in the book for a dossier received on `day`; None without a volume.

    It follows what the journal wrote last. Where the province knows more (`book_next` of a lease
    that begins in the same year: this device was restored from a backup), its number is the lower
    bound.
    """
    mine = [lease for lease in leases if lease.journal == journal]
    volume = volume_of(mine, journal, day.year)
    if volume is None:
        return None
    known = [
        lease.book_next
        for lease in mine
        if lease.volume == volume and lease.first_day.year == day.year
    ]
    written = highest(day.year, volume) or 0
    return BookRef(day.year, volume, max([written + 1, *known]))


def belongs_to_paper(leases: Iterable[Lease], volume: int) -> bool:
    """Tell whether a volume can be a paper one: no lease known here names it."""
    return all(lease.volume != volume for lease in leases)


def holes(numbers: Iterable[int]) -> tuple[int, ...]:
    """Give the numbers missing between 1 and the highest; a book in order has none."""
    present = set(numbers)
    return tuple(number for number in range(1, max(present, default=0)) if number not in present)
