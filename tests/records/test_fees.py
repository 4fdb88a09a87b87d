"""Fees in whole dong."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.fees import NO_FEE, UNKNOWN_FEE, Fee, due_vnd, read_published_fee

COPY = Fee(
    rule="per_page", first_pages=2, first_vnd=2_000, next_vnd=1_000, max_per_copy_vnd=200_000
)


@pytest.mark.parametrize(
    ("pages", "copies", "vnd"),
    [
        (1, 1, 2_000),
        (2, 1, 4_000),
        (3, 1, 5_000),
        (10, 1, 12_000),
        (198, 1, 200_000),
        (199, 1, 200_000),  # the cap
        (1_000, 3, 600_000),
        (3, 4, 20_000),
        (3, None, 5_000),
        (0, 1, 0),
        (5, 0, 0),
    ],
)
def test_certified_copies(pages: int, copies: int | None, vnd: int) -> None:
    assert due_vnd(COPY, pages, copies) == vnd


def test_pages_not_counted_yet_leave_the_amount_open() -> None:
    assert due_vnd(COPY) is None


def test_no_fee_fixed_and_unknown() -> None:
    assert due_vnd(NO_FEE, 10, 10) == 0
    assert due_vnd(Fee(rule="fixed", amount_vnd=50_000), 10, 10) == 50_000
    assert due_vnd(UNKNOWN_FEE, 10, 10) is None


def test_a_rule_without_a_cap() -> None:
    rule = Fee(rule="per_page", first_pages=0, first_vnd=0, next_vnd=500)
    assert due_vnd(rule, 1_000) == 500_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"rule":"fixed"}',
        b'{"rule":"per_page","first_pages":2}',
        b'{"rule":"free"}',
        b'{"rule":"fixed","amount_vnd":-1}',
        b'{"rule":"fixed","amount_vnd":1.5}',
    ],
)
def test_a_rule_without_its_amounts_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Fee)


def test_a_rule_is_written_as_short_as_it_was() -> None:
    assert msgspec.json.encode(NO_FEE) == b'{"rule":"none"}'


@pytest.mark.parametrize(
    ("text", "fee"),
    [
        ("0", NO_FEE),
        ("10.000đ/case", Fee(rule="fixed", amount_vnd=10_000)),
        ("25.000đ", Fee(rule="fixed", amount_vnd=25_000)),
        ("2.000đ/page, 1.000đ from page 3, max 200.000đ/copy", COPY),
        ("2.000đ/page, 1.000đ from page 3, max 200.000đ", COPY),
        ("", UNKNOWN_FEE),
        ("theo quy định của HĐND tỉnh", UNKNOWN_FEE),
        ("10.00đ", UNKNOWN_FEE),
        ("2.000đ/page, 1.000đ from page 0, max 200.000đ", UNKNOWN_FEE),
    ],
)
def test_published_texts(text: str, fee: Fee) -> None:
    assert read_published_fee(text) == fee


@given(st.integers(0, 2_000), st.integers(0, 50))
def test_a_copy_never_costs_more_than_the_cap_nor_less_with_more_pages(
    pages: int, copies: int
) -> None:
    amount, more = due_vnd(COPY, pages, copies), due_vnd(COPY, pages + 1, copies)
    assert amount is not None
    assert more is not None
    assert 0 <= amount <= more <= 200_000 * copies


@given(st.text())
def test_any_text_is_some_rule(text: str) -> None:
    assert read_published_fee(text).rule in {"none", "fixed", "per_page", "unknown"}
