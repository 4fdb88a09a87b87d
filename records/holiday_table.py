"""Public holidays of Viet Nam, a year at a time, 1970 to 2099.

The source is the `holidays` package, country VN, public holidays with their substitutes. Importing
it costs 15 MB and 120 ms (it brings 250 other countries), a fifth of what the agent may use, so
its answers are kept in `records/data/holidays_vn.json`; `python -m tools.holiday_table` writes it,
and a test compares it with the installed package. The years reach back to 1970 because that is
what a clock without a battery says. What the package cannot know yet, swapped days of coming
years, the province publishes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from msgspec import Raw, Struct


class YearHolidays(Struct, frozen=True):
    """The public holidays of one year (`off`) and the weekend days worked in exchange."""

    off: frozenset[date] = frozenset()
    worked: frozenset[date] = frozenset()


class HolidayTable(Struct, frozen=True):
    """What the data file holds: where it was taken from, and the years, each read when needed."""

    source: str
    years: Mapping[int, Raw]


NO_HOLIDAYS: Final = YearHolidays()
# Made here, by the thread that imports: see `records.events`.
_read_table = msgspec.json.Decoder(HolidayTable).decode
_read_year = msgspec.json.Decoder(YearHolidays).decode


@cache
def table() -> HolidayTable:
    """Load the table."""
    data = files("records").joinpath("data/holidays_vn.json").read_bytes()
    return _read_table(data)


@cache
def holidays_of(year: int) -> YearHolidays:
    """Give the holidays of `year`; outside the table only weekends are off."""
    kept = table().years.get(year)
    return NO_HOLIDAYS if kept is None else _read_year(kept)
