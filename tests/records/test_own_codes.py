"""The codes we print, and what a visitor's phone declares."""

from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.calendar import OFFICE_ZONE
from records.codes import BookRef, DossierCode
from records.own_codes import (
    OwnCode,
    format_receipt,
    own_id,
    parse_declaration,
    parse_own_code,
    parse_receipt,
)

ID = "abcdefghijklmnopqrstuv"
NOON = datetime(2026, 11, 21, 12, tzinfo=OFFICE_ZONE)
DECLARED = "CMP1|Lê Văn An|0912345678|001085000001|fever,cough|2026-11-21T08:00"


@pytest.mark.parametrize("kind", ["V", "A", "S", "T", "B"])
def test_the_five_kinds_are_read_and_written_back(kind: str) -> None:
    code = parse_own_code(f"CM1.{kind}.{ID}\r\n")
    assert code is not None
    assert (code.kind, code.id) == (kind, ID)
    assert str(code) == f"CM1.{kind}.{ID}"


@given(st.uuids())
def test_sixteen_bytes_make_an_id(value: UUID) -> None:
    assert parse_own_code(f"CM1.V.{own_id(value)}") == OwnCode("V", own_id(value))


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"CM1.X.{ID}",
        f"CM2.V.{ID}",
        f"CM1.V.{ID[:-1]}",
        f"CM1.V.{ID}w",
        f"CM1.V.{ID[:-1]}+",
        f"cm1.V.{ID}",
        f"CM1.D.{ID}",
        "CM1.V." + "a" * 10_000,
    ],
)
def test_what_is_no_code_of_ours_is_none(text: str) -> None:
    assert parse_own_code(text) is None


@pytest.mark.parametrize(
    ("text", "dossier"),
    [
        ("CM1.D.H26.107-261121-0001", DossierCode("H26.107", date(2026, 11, 21), 1, 4)),
        ("CM1.D.2026/1/57", BookRef(2026, 1, 57)),
    ],
)
def test_the_qr_of_a_receipt(text: str, dossier: DossierCode | BookRef) -> None:
    assert parse_receipt(text) == dossier
    assert format_receipt(dossier) == text


@pytest.mark.parametrize(
    "text", ["", "CM1.D.", "CM1.D.1/57", "CM1.D.x", "H26.107-261121-0001", "CM1.D." + "1" * 9999]
)
def test_what_is_no_receipt_is_none(text: str) -> None:
    assert parse_receipt(text) is None


def test_a_declaration() -> None:
    found = parse_declaration(DECLARED)
    assert found is not None
    assert (found.full_name, found.phone, found.id_number) == (
        "Lê Văn An",
        "0912345678",
        "001085000001",
    )
    assert found.symptoms == ("fever", "cough")
    assert found.made_at == datetime(2026, 11, 21, 8, tzinfo=OFFICE_ZONE)


@pytest.mark.parametrize(
    ("words", "symptoms"),
    [
        ("", ()),
        ("-", ()),
        ("0", ()),
        ("none", ()),
        ("FC", ("fever", "cough")),
        ("F,C,F", ("fever", "cough")),
        ("sore_throat", ("sore_throat",)),
        ("b s", ("breathless", "sore_throat")),
        ("headache", ("other",)),
    ],
)
def test_symptoms_by_name_or_letter(words: str, symptoms: tuple[str, ...]) -> None:
    found = parse_declaration(DECLARED.replace("fever,cough", words))
    assert found is not None
    assert found.symptoms == symptoms


def test_fields_that_make_no_sense_are_left_out() -> None:
    found = parse_declaration("CMP1|Lê Văn An|call me|???||tomorrow")
    assert found is not None
    assert (found.phone, found.id_number, found.made_at) == (None, None, None)
    found = parse_declaration("CMP1|Lê Văn An|+84 (91) 234-56.78|||2026-02-30T08:00")
    assert found is not None
    assert (found.phone, found.made_at) == ("+84912345678", None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CMP1|",
        "CMP2" + DECLARED[4:],
        DECLARED.replace("Lê Văn An", ""),
        DECLARED + "|more",
        DECLARED.rsplit("|", 1)[0],
        DECLARED.replace("An", "A\x07n"),
        DECLARED + "x" * 5000,
    ],
)
def test_what_is_no_declaration_is_none(text: str) -> None:
    assert parse_declaration(text) is None


@pytest.mark.parametrize(
    ("age", "stale"),
    [
        (timedelta(0), False),
        (timedelta(hours=24), False),
        (timedelta(hours=24, seconds=1), True),
        (timedelta(minutes=-15), False),
        (timedelta(minutes=-16), True),
    ],
)
def test_a_declaration_holds_for_a_day(age: timedelta, stale: bool) -> None:
    found = parse_declaration(DECLARED)
    assert found is not None
    assert found.made_at is not None
    assert found.is_stale(found.made_at + age) is stale


def test_an_undated_declaration_is_asked_again() -> None:
    found = parse_declaration("CMP1|Lê Văn An||||")
    assert found is not None
    assert found.is_stale(NOON)


@given(st.text(max_size=60))
def test_readers_take_any_text(text: str) -> None:
    parse_own_code("CM1.V." + text)
    parse_receipt("CM1.D." + text)
    parse_declaration("CMP1|" + text)
    parse_declaration("CMP1|a|b|c|" + text + "|2026-11-21T08:00")
