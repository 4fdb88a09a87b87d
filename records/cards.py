"""What the QR of a citizen card says, and whether its number agrees with it.

Fields, `|` between them, UTF-8: number, old number, name, date of birth ddMMyyyy, gender,
address, issued ddMMyyyy. Cards since 2021 have these 7 (certain); the card of 2024 has 11 with
the same first seven (one source), and the rest may name parents or others: it is dropped here,
before anything else sees it. People whose day of birth was never recorded have `MMyyyy` or `yyyy`
(one source).

A number has 12 digits: province (3), century and gender (1), year (2), random (6), and no check
digit. So year and gender are compared with the fields, and a difference is only a warning.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Final, Literal, NamedTuple

from msgspec import Struct

SCAN_CHARS_MAX: Final = 4096
"""No code a scanner reads is longer (the framer's limit is 4 KiB); anything above is not parsed."""
CARD_FIELDS_MIN: Final = 7
CARD_FIELDS_MAX: Final = 16
FIELD_CHARS_MAX: Final = 500

CardGender = Literal["male", "female"]

_NUMBER_RE: Final = re.compile(r"[0-9]{12}")
_OLD_NUMBER_RE: Final = re.compile(r"[0-9]{9}|[0-9]{12}")
_BIRTH_RE: Final = re.compile(r"([0-9]{2})?([0-9]{2})?([0-9]{4})")
_GENDERS: Final[dict[str, CardGender]] = {"nam": "male", "nữ": "female", "nu": "female"}


class Birth(NamedTuple):
    """A birthday as far as a card knows it: the day, or the year alone, or nothing."""

    day: date | None
    year: int | None


class CitizenNumber(NamedTuple):
    """What the digits of a citizen number mean."""

    province: str
    gender: CardGender
    birth_year: int


class CitizenCard(Struct, frozen=True, kw_only=True):
    """The holder of a citizen card; nothing of other people, and not the text that was scanned."""

    id_number: str
    old_id_number: str | None
    full_name: str
    date_of_birth: date | None
    birth_year: int | None
    gender: CardGender | None
    address: str | None
    issued_on: date | None


def parse_citizen_number(text: str) -> CitizenNumber | None:
    """Read the 12 digits of a citizen number, else None.

    The fourth digit: 0 and 1 men and women born 1900-1999, 2 and 3 2000-2099, and so on.
    """
    if _NUMBER_RE.fullmatch(text) is None:
        return None
    century = int(text[3])
    return CitizenNumber(
        text[:3],
        "female" if century % 2 else "male",
        1900 + 100 * (century // 2) + int(text[4:6]),
    )


def parse_citizen_card(text: str) -> CitizenCard | None:
    """Read the QR of a citizen card, else None. Never raises."""
    if len(text) > SCAN_CHARS_MAX or not is_clean(text):
        return None
    fields = text.strip().split("|")
    if not CARD_FIELDS_MIN <= len(fields) <= CARD_FIELDS_MAX:
        return None
    number, old, name, birthday, gender, address, issued = (field_text(f) for f in fields[:7])
    if _NUMBER_RE.fullmatch(number) is None or not name:
        return None
    birth = parse_birth(birthday)
    return CitizenCard(
        id_number=number,
        old_id_number=old if _OLD_NUMBER_RE.fullmatch(old) else None,
        full_name=name,
        date_of_birth=birth.day,
        birth_year=birth.year,
        gender=_GENDERS.get(gender.lower()),
        address=address or None,
        issued_on=parse_birth(issued).day,
    )


def differences(
    id_number: str, *, birth_year: int | None, gender: str | None
) -> tuple[Literal["birth_year", "gender"], ...]:
    """Name what disagrees with the digits of a citizen number; () for numbers of another kind.

    Only what is given is compared; a gender that is neither male nor female is not.
    """
    number = parse_citizen_number(id_number)
    if number is None:
        return ()
    found: list[Literal["birth_year", "gender"]] = []
    if birth_year is not None and birth_year != number.birth_year:
        found.append("birth_year")
    if gender in {"male", "female"} and gender != number.gender:
        found.append("gender")
    return tuple(found)


def parse_birth(digits: str) -> Birth:
    """Read `ddMMyyyy`, `MMyyyy` or `yyyy`; a day that does not exist leaves its year alone."""
    found = _BIRTH_RE.fullmatch(digits)
    if found is None:
        return Birth(None, None)
    first, second, year = found[1], found[2], int(found[3])
    if year == 0:
        return Birth(None, None)
    if first is None or second is None:
        return Birth(None, year)
    try:
        return Birth(date(year, int(second), int(first)), year)
    except ValueError:
        return Birth(None, year)


def field_text(field: str) -> str:
    """Give one field of a card as text of one line: NFC, outer blanks off, bounded."""
    return unicodedata.normalize("NFC", field[:FIELD_CHARS_MAX]).strip()


def is_clean(text: str) -> bool:
    """Tell whether a scan is text: no control or unassigned character, no lone surrogate."""
    return text.strip().isprintable()
