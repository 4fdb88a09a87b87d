"""Numbers that name a person: their shapes, and the one spelling under which they are compared.

Vietnamese numbers are digits alone (citizen card 12, old identity card 9 or 12). Passports are of
any country: ICAO Doc 9303 part 3 gives a number up to 9 letters and digits, national papers that
serve as one have more.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from records.values import IdKind

_PASSPORT: Final = r"[A-Z0-9]{5,20}"
_ID_SHAPES: Final[Mapping[IdKind | None, re.Pattern[str]]] = MappingProxyType(
    {
        None: re.compile(r"[0-9]{12}|[0-9]{9}"),
        "cccd": re.compile(r"[0-9]{12}"),
        "cmnd": re.compile(r"[0-9]{9}|[0-9]{12}"),
        "passport": re.compile(_PASSPORT),
        "org": re.compile(r"[A-Z0-9][A-Z0-9-]{1,18}[A-Z0-9]"),
        "none": re.compile(r"(?!)"),
    }
)
# Digits alone of another count are a citizen number with a digit lost or doubled: no passport of
# digits alone has more than 9 or, in practice, fewer than 7.
_PERSON_ID: Final = re.compile(rf"[0-9]{{12}}|[0-9]{{7,9}}|(?=[0-9]*[A-Z]){_PASSPORT}")
_PHONE: Final = re.compile(r"\+?[0-9](?:[ .-]?[0-9]){7,14}")
_WHOLE_NUMBER: Final = re.compile(r"\+?[0-9]{8,15}|(?=[A-Z-]*[0-9])[A-Z0-9][A-Z0-9-]{3,18}[A-Z0-9]")
_DIGITS_MIN: Final = 8
"""Digits alone that may be somebody's number: the shortest are of a phone."""


def is_id_of(kind: IdKind | None, number: str) -> bool:
    """Tell whether a number has the shape of its kind; without a kind only Vietnamese do."""
    return _ID_SHAPES[kind].fullmatch(number) is not None


def is_id_of_any(number: str) -> bool:
    """Tell whether a number has the shape of some kind."""
    return any(shape.fullmatch(number) for shape in _ID_SHAPES.values())


def is_person_id(number: str) -> bool:
    """Tell whether a number of no named kind can be a person's, Vietnamese or a passport's."""
    return _PERSON_ID.fullmatch(number) is not None


def is_phone(text: str) -> bool:
    """Tell whether a text is a phone number: 8 to 15 digits, in groups or not."""
    return _PHONE.fullmatch(text) is not None


def spelt_id(number: str) -> str:
    """Return the one spelling of an identity number."""
    return "".join(number.split()).upper()


def spelt_phone(phone: str) -> str:
    """Return the one spelling of a phone number: digits, Vietnam's 84 as the 0 that is dialled."""
    digits = "".join(filter(str.isdigit, phone))
    return f"0{digits[2:]}" if digits.startswith("84") and len(digits) > 10 else digits


def whole_numbers(text: str) -> tuple[str, ...]:
    """Return the words of a search that can be a person's whole number, else nothing.

    Digits alone count from 8 on, letters with digits from 5 on; a phone may stand in groups.
    """
    if is_phone(text.strip()):
        return (text.strip(),)
    found = (word.upper() for word in text.split())
    return tuple(word for word in found if _is_whole(word))


def _is_whole(word: str) -> bool:
    if word.isdigit() and len(word) < _DIGITS_MIN:
        return False
    return _WHOLE_NUMBER.fullmatch(word) is not None
