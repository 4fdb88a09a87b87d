"""Dossier codes, book numbers and procedure codes as people type and scan them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.codes import (
    BookRef,
    DossierCode,
    ProcedureCode,
    format_code,
    is_agency_code,
    parse_book_ref,
    parse_code,
    parse_procedure_code,
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("000.00.16.H19-200330-0001", DossierCode("000.00.16.H19", date(2020, 3, 30), 1, 4)),
        ("H26.107-261121-0001", DossierCode("H26.107", date(2026, 11, 21), 1, 4)),
        ("H26.107.00-261121-010001", DossierCode("H26.107.00", date(2026, 11, 21), 10001, 6)),
    ],
)
def test_the_three_shapes_are_read_and_written_back(text: str, code: DossierCode) -> None:
    assert parse_code(text) == code
    assert str(code) == text


def test_case_and_outer_blanks_do_not_matter() -> None:
    assert parse_code("  h26.107-261121-0001\r\n") == parse_code("H26.107-261121-0001")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "H26.107-261121",
        "H26.107-261121-001",  # three digits
        "H26.107-261131-0001",  # no such day
        "H26.107-260229-0001",  # no leap year
        "H26.107-261121-0000000000001",  # thirteen digits
        "H26..107-261121-0001",
        ".H26-261121-0001",
        "H26.-261121-0001",
        "H26_107-261121-0001",
        "H26.107-261121-0001x",
        "Ｈ26.107-261121-0001",  # full-width letter
        "H26.107-٢٦1121-0001",  # digits of another script
        "A" * 36 + "-261121-0001",
        "9" * 100_000,
    ],
)
def test_what_is_no_code_is_none(text: str) -> None:
    assert parse_code(text) is None


def test_a_leap_day_is_a_day() -> None:
    assert parse_code("H26.107-280229-0001") is not None


def test_a_serial_wider_than_its_width_is_written_in_full() -> None:
    assert format_code("H26.107", date(2026, 11, 21), 12345) == "H26.107-261121-12345"


def test_an_agency_code_has_35_characters_at_most() -> None:
    assert is_agency_code("H26.107")
    assert is_agency_code("A" * 35)
    assert not is_agency_code("A" * 36)
    assert not is_agency_code("h26")
    assert not is_agency_code("H26..1")
    assert not is_agency_code("")


def test_book_numbers_with_and_without_their_year() -> None:
    assert parse_book_ref("2026/1/57") == BookRef(2026, 1, 57)
    assert parse_book_ref(" 1/57 ") == BookRef(None, 1, 57)
    assert parse_book_ref("1970/1/1") == BookRef(1970, 1, 1)  # a clock that lost its time
    assert str(BookRef(2026, 1, 57)) == "2026/1/57"
    assert str(BookRef(None, 1, 57)) == "1/57"
    assert BookRef(2026, 1, 57).book == "1/57"


@pytest.mark.parametrize(
    "text", ["0/57", "1/0", "1/057", "26/1/57", "1969/1/57", "2026/1/57/2", "1/", "/", "1/1234567"]
)
def test_what_is_no_book_number_is_none(text: str) -> None:
    assert parse_book_ref(text) is None


@pytest.mark.parametrize(
    ("text", "national", "suffix"),
    [
        ("1.001193", "1.001193", None),
        ("1.001193.000.00.00.H26", "1.001193", "000.00.00.H26"),
        ("1.001193-H26", "1.001193", "H26"),
        ("1.001193.h26", "1.001193", "H26"),
    ],
)
def test_national_code_and_province_suffix_are_kept_apart(
    text: str, national: str, suffix: str | None
) -> None:
    assert parse_procedure_code(text) == ProcedureCode(national, suffix)


@pytest.mark.parametrize(
    "text", ["", "1001193", "1.00119", "1.0011933", "1.001193..H26", "1.001193-"]
)
def test_what_is_no_procedure_code_is_none(text: str) -> None:
    assert parse_procedure_code(text) is None


agencies = st.from_regex(r"[0-9A-Z]{1,8}(\.[0-9A-Z]{1,5}){0,4}", fullmatch=True)


@given(
    agencies,
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.integers(0, 10**11),
    st.integers(4, 11),
)
def test_every_code_survives_writing_and_reading(
    prefix: str, day: date, serial: int, width: int
) -> None:
    text = format_code(prefix, day, serial, width)
    code = parse_code(text)
    assert code is not None
    assert (code.prefix, code.day, code.serial) == (prefix, day, serial)
    assert str(code) == text


@given(st.text(max_size=80))
def test_parsers_take_any_text(text: str) -> None:
    for parse in (parse_code, parse_book_ref, parse_procedure_code):
        parse(text)
