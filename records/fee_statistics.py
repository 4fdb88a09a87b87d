"""The cash sheet: what each clerk took on each day, by way of paying (docs/domain.md "Fees").

A payment counts on the day it was recorded, under whoever recorded it. Whole dong.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from msgspec import Struct, field

from records.csv_text import Cell
from records.moment import local, office_day
from records.statistics import Completeness
from records.texts import TEXTS
from records.values import PaidBy
from wire.texts import Lang


class Payment(NamedTuple):
    """One payment as it was recorded; `clerk` is the event's actor."""

    at_ms: int
    clerk: str
    by: PaidBy
    amount_vnd: int


class FeeRow(Struct, frozen=True, kw_only=True):
    """What one clerk took on one day in one way; the totals are of no day, clerk or way."""

    day: date | None = None
    clerk: str | None = None
    by: PaidBy | None = None
    count: int = 0
    amount_vnd: int = 0


COLUMNS: tuple[str, ...] = FeeRow.__struct_fields__
"""The columns of the CSV, in order."""


class FeeStatistics(Struct, frozen=True, kw_only=True):
    """The report of a period; both days belong to it. `rows` by day, clerk and way."""

    first_day: date = field(name="from")
    last_day: date = field(name="to")
    generated_at: str
    completeness: Completeness
    rows: tuple[FeeRow, ...]
    totals: FeeRow


def fee_statistics(
    payments: Iterable[Payment], *, first_day: date, last_day: date, now_ms: int
) -> FeeStatistics:
    """Return the report of the payments that lie in the period."""
    counts: Counter[tuple[date, str, PaidBy]] = Counter()
    amounts: Counter[tuple[date, str, PaidBy]] = Counter()
    for payment in payments:
        day = office_day(payment.at_ms)
        if first_day <= day <= last_day:
            key = (day, payment.clerk, payment.by)
            counts[key] += 1
            amounts[key] += payment.amount_vnd
    rows = tuple(
        FeeRow(day=day, clerk=clerk, by=by, count=count, amount_vnd=amounts[day, clerk, by])
        for (day, clerk, by), count in sorted(counts.items())
    )
    return FeeStatistics(
        first_day=first_day,
        last_day=last_day,
        generated_at=local(now_ms).isoformat(),
        completeness=Completeness(offices=1, heard=1),
        rows=rows,
        totals=FeeRow(count=counts.total(), amount_vnd=amounts.total()),
    )


def sheet(told: FeeStatistics, lang: Lang) -> list[list[Cell]]:
    """Return the rows as people read them, ways of paying in words, with the total below."""
    rows: list[list[Cell]] = [
        [
            str(row.day),
            row.clerk,
            TEXTS[f"paid_by.{row.by}"].pick(lang),
            row.count,
            row.amount_vnd,
        ]
        for row in told.rows
    ]
    total = TEXTS["column.total"].pick(lang)
    return [*rows, [None, total, None, told.totals.count, told.totals.amount_vnd]]
