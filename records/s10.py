"""Numbers of postal items (số hiệu phiếu gửi): UPU standard S10, and others kept unchecked.

S10: two letters of service, eight digits, a check digit, two letters of country. Check digit:
weights 8 6 4 2 3 5 9 7, 11 - (sum mod 11), where 10 becomes 0 and 11 becomes 5.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from msgspec import Struct

ITEM_CHARS_MAX: Final = 40
WEIGHTS: Final = (8, 6, 4, 2, 3, 5, 9, 7)

_S10_RE: Final = re.compile(r"[A-Z]{2}([0-9]{8})([0-9])[A-Z]{2}")
_OTHER_RE: Final = re.compile(r"(?=.*[0-9])[0-9A-Z][0-9A-Z./-]{3,39}")


class PostalItem(Struct, frozen=True):
    """An item number in capitals without blanks, and what its check digit says.

    `wrong`: it has the shape of S10 but was misread or mistyped; `none`: an operator's own number.
    """

    number: str
    check: Literal["good", "wrong", "none"]

    @property
    def checked(self) -> bool:
        """Whether the check digit vouches for the number."""
        return self.check == "good"


def check_digit(serial: str) -> int:
    """Give the check digit of eight digits; ValueError for anything else."""
    if len(serial) != len(WEIGHTS) or not (serial.isascii() and serial.isdigit()):
        msg = "an S10 serial has eight digits"
        raise ValueError(msg)
    rest = 11 - sum(w * int(d) for w, d in zip(WEIGHTS, serial, strict=True)) % 11
    return {10: 0, 11: 5}.get(rest, rest)


def parse_s10(text: str) -> PostalItem | None:
    """Read a number of S10 shape (its check digit may be wrong), else None."""
    clean = _clean(text)
    found = _S10_RE.fullmatch(clean)
    if found is None:
        return None
    good = int(found[2]) == check_digit(found[1])
    return PostalItem(clean, "good" if good else "wrong")


def parse_item(text: str) -> PostalItem | None:
    """Read any item number: S10, else 4 to 40 letters and digits unchecked, else None."""
    found = parse_s10(text)
    if found is not None:
        return found
    clean = _clean(text)
    return PostalItem(clean, "none") if _OTHER_RE.fullmatch(clean) is not None else None


def _clean(text: str) -> str:
    if len(text) > 2 * ITEM_CHARS_MAX or not text.isascii():
        return ""
    return "".join(text.split()).upper()
