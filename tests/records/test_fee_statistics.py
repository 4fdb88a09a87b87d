"""The cash sheet: by day, clerk and way of paying."""

from datetime import date, datetime

import msgspec

from records.fee_statistics import COLUMNS, FeeRow, FeeStatistics, Payment, fee_statistics
from records.moment import to_ms
from records.values import PaidBy


def paid(at: str, clerk: str, by: PaidBy, amount_vnd: int) -> Payment:
    return Payment(to_ms(datetime.fromisoformat(f"{at}+07:00")), clerk, by, amount_vnd)


PAYMENTS = (
    paid("2026-11-20T16:59:59", "lan.nt", "cash", 8_000),
    paid("2026-11-20T08:00:00", "lan.nt", "cash", 30_000),
    paid("2026-11-20T08:01:00", "lan.nt", "transfer", 5_000),
    paid("2026-11-20T08:02:00", "hoa.tt", "cash", 1_000),
    paid("2026-11-21T00:00:00", "lan.nt", "post", 2_000),
    paid("2026-11-19T23:59:59", "lan.nt", "online", 4_000),
)


def sheet(first: str, last: str) -> FeeStatistics:
    return fee_statistics(
        PAYMENTS,
        first_day=date.fromisoformat(first),
        last_day=date.fromisoformat(last),
        now_ms=to_ms(datetime.fromisoformat("2026-11-22T08:00:00+07:00")),
    )


def test_each_clerk_has_a_row_for_each_way_of_paying() -> None:
    day = date(2026, 11, 20)
    found = sheet("2026-11-20", "2026-11-20")
    assert found.rows == (
        FeeRow(day=day, clerk="hoa.tt", by="cash", count=1, amount_vnd=1_000),
        FeeRow(day=day, clerk="lan.nt", by="cash", count=2, amount_vnd=38_000),
        FeeRow(day=day, clerk="lan.nt", by="transfer", count=1, amount_vnd=5_000),
    )
    assert found.totals == FeeRow(count=4, amount_vnd=44_000)


def test_days_are_the_offices_and_both_ends_belong_to_the_period() -> None:
    found = sheet("2026-11-19", "2026-11-21")
    assert sorted({str(row.day) for row in found.rows}) == [
        "2026-11-19", "2026-11-20", "2026-11-21",
    ]  # fmt: skip
    assert found.totals.amount_vnd == sum(payment.amount_vnd for payment in PAYMENTS)


def test_a_period_without_payments_is_empty() -> None:
    found = sheet("2026-11-22", "2026-11-30")
    assert (found.rows, found.totals) == ((), FeeRow())


def test_the_document_bears_the_names_of_the_interface_page() -> None:
    document = msgspec.to_builtins(sheet("2026-11-20", "2026-11-20"))
    assert document.keys() == {"from", "to", "generated_at", "completeness", "rows", "totals"}
    assert COLUMNS == ("day", "clerk", "by", "count", "amount_vnd")
