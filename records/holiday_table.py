"""Public holidays of Viet Nam, a year at a time.

The source is the `holidays` package, country VN, public holidays with their substitutes.
Importing it costs 15 MB and 120 ms (it brings 250 other countries), which is a fifth of what the
agent may use, so its answers for the years around now are kept in
`records/data/holidays_vn.json` (`python -m tools.holiday_table` writes it). A test compares the
table with the installed package; a year outside the table asks the package itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from msgspec import Struct

LUNAR_FIRST_YEAR: Final = 1945
LUNAR_LAST_YEAR: Final = 2099


class YearHolidays(Struct, frozen=True):
    """The public holidays of one year (`off`) and the weekend days worked in exchange."""

    off: frozenset[date]
    worked: frozenset[date]


class HolidayTable(Struct, frozen=True):
    """What the data file holds: where it was taken from, and the years it covers."""

    source: str
    years: Mapping[int, YearHolidays]


NO_HOLIDAYS: Final = YearHolidays(frozenset(), frozenset())


@cache
def table() -> HolidayTable:
    """Load the kept table."""
    data = files("records").joinpath("data/holidays_vn.json").read_bytes()
    return msgspec.json.decode(data, type=HolidayTable)


@cache
def holidays_of(year: int) -> YearHolidays:
    """Give the holidays of `year`; from the kept table, else from the package.

    Outside 1945-2099 the package does not know the lunar calendar: only weekends are off there.
    """
    kept = table().years.get(year)
    if kept is not None:
        return kept
    if not LUNAR_FIRST_YEAR <= year <= LUNAR_LAST_YEAR:
        return NO_HOLIDAYS
    return from_package(year)


def from_package(year: int) -> YearHolidays:
    """Ask the `holidays` package (imported here and nowhere else)."""
    from holidays.countries.vietnam import Vietnam  # noqa: PLC0415 - 15 MB, rarely needed

    found = Vietnam(years=year)  # type: ignore[no-untyped-call]  # its __init__ is not annotated
    worked = frozenset(day for day in found.weekend_workdays if day.year == year)
    return YearHolidays(frozenset(found), worked)
