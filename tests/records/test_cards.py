"""Citizen cards and health-insurance cards as a scanner reads them. All people are made up."""

import unicodedata
from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.cards import (
    Birth,
    CitizenNumber,
    differences,
    parse_birth,
    parse_citizen_card,
    parse_citizen_number,
)
from records.health_card import parse_health_card

SEVEN = (
    "001184000017|012345678|Nguyễn Thị Ngọc Hà|05031984|Nữ|"
    "Thôn 1, xã Ứng Hòa, thành phố Hà Nội|15042021"
)
ELEVEN = SEVEN + "||Nguyễn Văn Bố|Trần Thị Mẹ|"


def health(**parts: str) -> str:
    fields = {
        "number": "GD4010123456789",
        "name": "Lê Văn An".encode().hex(),
        "born": "01/02/1985",
        "gender": "1",
        "address": "Thôn 2, xã Ứng Hòa".encode().hex(),
        "clinic": "01 - 004",
        "valid_from": "01/01/2026",
        "valid_to": "31/12/2026",
        "issued": "15/12/2025",
        "issuer": "01010123456789",
        "parent": "Lê Văn Bố".encode().hex(),
        "place": "4",
        "five_years": " 01/10/2027",
        "check": "4641c59ff02659c3-1202",
        "end": "$",
    }
    return "|".join((fields | parts).values())


def test_a_card_of_seven_fields() -> None:
    card = parse_citizen_card(SEVEN)
    assert card is not None
    assert card.id_number == "001184000017"
    assert card.old_id_number == "012345678"
    assert card.full_name == "Nguyễn Thị Ngọc Hà"
    assert (card.date_of_birth, card.birth_year) == (date(1984, 3, 5), 1984)
    assert card.gender == "female"
    assert card.address == "Thôn 1, xã Ứng Hòa, thành phố Hà Nội"
    assert card.issued_on == date(2021, 4, 15)


def test_third_persons_of_a_new_card_are_dropped() -> None:
    card = parse_citizen_card(ELEVEN)
    assert card == parse_citizen_card(SEVEN)
    assert "Bố" not in repr(card)
    assert "Mẹ" not in repr(card)


def test_the_scanned_text_is_not_kept() -> None:
    card = parse_citizen_card(SEVEN)
    assert SEVEN not in repr(card)
    assert SEVEN.encode() not in msgspec.json.encode(card)


def test_a_card_in_decomposed_letters_reads_the_same() -> None:
    assert parse_citizen_card(unicodedata.normalize("NFD", SEVEN)) == parse_citizen_card(SEVEN)


def test_line_ends_around_a_card_do_not_matter() -> None:
    assert parse_citizen_card(SEVEN + "\r\n") == parse_citizen_card(SEVEN)


def test_a_card_without_old_number_address_and_known_day() -> None:
    card = parse_citizen_card("001085000001||Lê Văn An|1985|Nam||")
    assert card is not None
    assert (card.old_id_number, card.address, card.issued_on) == (None, None, None)
    assert (card.date_of_birth, card.birth_year) == (None, 1985)
    assert card.gender == "male"


def test_a_gender_nobody_knows_is_none() -> None:
    card = parse_citizen_card("001085000001||Lê Văn An|1985|X||")
    assert card is not None
    assert card.gender is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "|" * 6,
        SEVEN.replace("001184000017", "00118400001"),
        SEVEN.replace("001184000017", "00118400001a"),
        SEVEN.replace("Nguyễn Thị Ngọc Hà", "  "),
        SEVEN.rsplit("|", 1)[0],
        SEVEN + "|" * 10,
        SEVEN.replace("Nguyễn", "Nguy\x1bễn"),
        SEVEN.replace("Nguyễn", "Nguy\ud800ễn"),
        SEVEN + "x" * 5000,
    ],
)
def test_what_is_no_card_is_none(text: str) -> None:
    assert parse_citizen_card(text) is None


@pytest.mark.parametrize(
    ("digits", "birth"),
    [
        ("05031984", Birth(date(1984, 3, 5), 1984)),
        ("29021984", Birth(date(1984, 2, 29), 1984)),
        ("29021985", Birth(None, 1985)),
        ("031984", Birth(None, 1984)),
        ("1984", Birth(None, 1984)),
        ("00000000", Birth(None, None)),
        ("1", Birth(None, None)),
        ("", Birth(None, None)),
    ],
)
def test_birthdays_as_far_as_they_are_known(digits: str, birth: Birth) -> None:
    assert parse_birth(digits) == birth


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("001184000017", CitizenNumber("001", "female", 1984)),
        ("001085000001", CitizenNumber("001", "male", 1985)),
        ("079205012345", CitizenNumber("079", "male", 2005)),
        ("079305012345", CitizenNumber("079", "female", 2005)),
        ("079999012345", CitizenNumber("079", "female", 2399)),
    ],
)
def test_the_digits_of_a_number(text: str, number: CitizenNumber) -> None:
    assert parse_citizen_number(text) == number


def test_a_number_that_disagrees_with_the_fields_is_named_not_refused() -> None:
    assert differences("001184000017", birth_year=1984, gender="female") == ()
    assert differences("001184000017", birth_year=1985, gender="female") == ("birth_year",)
    assert differences("001184000017", birth_year=1984, gender="male") == ("gender",)
    assert differences("001184000017", birth_year=1985, gender="male") == ("birth_year", "gender")
    assert differences("001184000017", birth_year=None, gender=None) == ()
    assert differences("001184000017", birth_year=None, gender="other") == ()
    assert differences("012345678", birth_year=1985, gender="male") == ()


def test_a_health_card_of_fifteen_characters() -> None:
    card = parse_health_card(health())
    assert card is not None
    assert card.number == "GD4010123456789"
    assert card.full_name == "Lê Văn An"
    assert card.date_of_birth == date(1985, 2, 1)
    assert card.gender == "male"
    assert card.address == "Thôn 2, xã Ứng Hòa"
    assert (card.valid_from, card.valid_to) == (date(2026, 1, 1), date(2026, 12, 31))


def test_a_health_card_of_ten_digits_without_address_and_end() -> None:
    card = parse_health_card(health(number="0123456789", address="-", valid_to="-", gender="2"))
    assert card is not None
    assert (card.number, card.address, card.valid_to) == ("0123456789", None, None)
    assert card.gender == "female"


def test_the_parent_on_a_childs_card_is_dropped() -> None:
    assert "Bố" not in repr(parse_health_card(health()))


def test_a_birthday_of_one_digit_or_of_a_year_alone() -> None:
    card = parse_health_card(health(born="1/2/1985"))
    assert card is not None
    assert card.date_of_birth == date(1985, 2, 1)
    card = parse_health_card(health(born="1950"))
    assert card is not None
    assert (card.date_of_birth, card.birth_year) == (None, 1950)


def test_a_plain_name_and_a_missing_end_are_accepted() -> None:
    card = parse_health_card(health(name="Lê Văn An", end=""))
    assert card is not None
    assert card.full_name == "Lê Văn An"


def test_a_short_card_needs_its_end() -> None:
    short = "0123456789|" + "Lê Văn An".encode().hex() + "|1985|1|-"
    card = parse_health_card(short + "|$")
    assert card is not None
    assert (card.valid_from, card.valid_to) == (None, None)
    assert parse_health_card(short) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "$",
        health(number="123"),
        health(number="4D4010123456789"),
        health(name="-"),
        health(name="ff"),  # hex, but no UTF-8
        health(name="1b5b324a"),  # an escape sequence
        health(name="c3"),
        health(end="$" + "|" * 40),
        health(end="x\x00$"),
        "x" * 5000,
    ],
)
def test_what_is_no_health_card_is_none(text: str) -> None:
    assert parse_health_card(text) is None


@given(st.text(alphabet=st.sampled_from("0123456789|$Nữam /-éà\x00\ud800"), max_size=120))
def test_readers_take_any_text(text: str) -> None:
    parse_citizen_card(text)
    parse_health_card(text)
    parse_citizen_number(text)
    parse_birth(text)


@given(st.lists(st.text(max_size=40), min_size=7, max_size=11))
def test_readers_take_any_fields(fields: list[str]) -> None:
    fields[0] = "001184000017"
    card = parse_citizen_card("|".join(fields))
    assert card is None or card.id_number == "001184000017"
    parse_health_card("0123456789|" + "|".join(fields) + "|$")
