"""What the QR of a health-insurance card says.

Fields, `|` between them, the last one `$`. The order was taken from two hospital systems that read
it and agree, and from one decoded card (one source each for what is marked M):

0 card number, 10 or 15 characters (certain) - 1 name, UTF-8 in hex (certain) - 2 date of birth
dd/MM/yyyy or yyyy (M) - 3 gender, 1 male, 2 female (certain) - 4 address, UTF-8 in hex or `-`
(certain) - 5 first hospital (M) - 6 and 7 valid from and to, `-` for no end (certain) - 8 issued
(M) - 9 who issued (M) - 10 a parent's name (M) - 11 place class (M) - 12 five years in a row
since (M) - 13 check text (M) - 14, 15 unclear.

Kept is what a counter needs: fields 0 to 4, 6 and 7. The parent is a third person and dropped.
The reader is tolerant: `-` and blanks mean nothing known, a missing `$` is accepted, and so is a
name in plain letters.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from msgspec import Struct

from records.cards import (
    SCAN_CHARS_MAX,
    Birth,
    CardGender,
    field_text,
    is_clean,
    parse_birth,
)

FIELDS_MIN: Final = 5
FIELDS_MAX: Final = 32
FIELDS_WITHOUT_END_MIN: Final = 9

_NUMBER_RE: Final = re.compile(r"[0-9]{10}|[A-Z]{2}[0-9A-Z][0-9]{12}")
_DATE_RE: Final = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_HEX_RE: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_GENDERS: Final[dict[str, CardGender]] = {"1": "male", "2": "female"}


class HealthCard(Struct, frozen=True, kw_only=True):
    """The holder of a health-insurance card, and for how long it is valid."""

    number: str
    full_name: str
    date_of_birth: date | None
    birth_year: int | None
    gender: CardGender | None
    address: str | None
    valid_from: date | None
    valid_to: date | None


def parse_health_card(text: str) -> HealthCard | None:
    """Read the QR of a health-insurance card, else None. Never raises."""
    if len(text) > SCAN_CHARS_MAX or not is_clean(text):
        return None
    scan = text.strip()
    ended = scan.endswith("$")
    fields = scan.removesuffix("$").split("|")
    if not (FIELDS_MIN if ended else FIELDS_WITHOUT_END_MIN) <= len(fields) <= FIELDS_MAX:
        return None
    number, name = field_text(fields[0]).upper(), _words(fields[1])
    if _NUMBER_RE.fullmatch(number) is None or name is None:
        return None
    birth = _birth(fields[2])
    return HealthCard(
        number=number,
        full_name=name,
        date_of_birth=birth.day,
        birth_year=birth.year,
        gender=_GENDERS.get(field_text(fields[3])),
        address=_words(fields[4]),
        valid_from=_birth(fields[6]).day if len(fields) > 6 else None,
        valid_to=_birth(fields[7]).day if len(fields) > 7 else None,
    )


def _birth(field: str) -> Birth:
    clean = field_text(field)
    found = _DATE_RE.fullmatch(clean)
    if found is not None:
        clean = f"{found[1]:0>2}{found[2]:0>2}{found[3]}"
    return parse_birth(clean)


def _words(field: str) -> str | None:
    """Give a name or address: hex that is UTF-8 text is decoded, other words stand as they are."""
    clean = field.strip()
    if clean in {"", "-"}:
        return None
    if _HEX_RE.fullmatch(clean) is not None:
        try:
            clean = bytes.fromhex(clean).decode("utf-8")
        except UnicodeDecodeError:
            return None
        if not is_clean(clean):
            return None
    return field_text(clean) or None
