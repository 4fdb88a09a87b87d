"""Codes people read aloud: dossier codes, book numbers, procedure codes, agency codes.

Three shapes of dossier code are in use and accepted (docs/domain, "Number"):

* `000.00.16.H19-200330-0001` (TT 01/2018 art. 17, agency code of the old form),
* `H26.107-261121-0001`,
* `H26.107.00-261121-010001`, a serial of four or more digits.

All are `agency code - yymmdd - serial`. Parsers take hostile text: they answer None, never raise,
and look at no more than a fixed number of characters.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final, NamedTuple

from msgspec import Struct

CODE_CHARS_MAX: Final = 64
AGENCY_CODE_CHARS_MAX: Final = 35
SERIAL_DIGITS_MIN: Final = 4
SERIAL_DIGITS_MAX: Final = 12

_AGENCY: Final = r"[0-9A-Z](?:[0-9A-Z.]{0,33}[0-9A-Z])?"
_AGENCY_RE: Final = re.compile(_AGENCY)
_CODE_RE: Final = re.compile(rf"({_AGENCY})-([0-9]{{6}})-([0-9]{{4,12}})")
_TAIL_RE: Final = re.compile(r"([0-9]{6})-([0-9]{1,12})")
_PROCEDURE_RE: Final = re.compile(rf"([0-9]\.[0-9]{{6}})(?:[.\-_/]({_AGENCY}))?")
_BOOK_RE: Final = re.compile(
    r"(?:(19[7-9][0-9]|2[01][0-9]{2})/)?([1-9][0-9]{0,3})/([1-9][0-9]{0,5})"
)


class DossierCode(Struct, frozen=True):
    """An official dossier code: its issuer, its day, its serial and the printed width."""

    prefix: str
    day: date
    serial: int
    width: int = SERIAL_DIGITS_MIN

    def __str__(self) -> str:
        return format_code(self.prefix, self.day, self.serial, self.width)


class BookRef(NamedTuple):
    """A place in the register book (Quyển/Số); `year` is None where the text left it out."""

    year: int | None
    volume: int
    number: int

    @property
    def book(self) -> str:
        """The short form printed on forms: `1/57`."""
        return f"{self.volume}/{self.number}"

    def __str__(self) -> str:
        return self.book if self.year is None else f"{self.year}/{self.volume}/{self.number}"


class CodeTail(NamedTuple):
    """What people read aloud of a dossier code: its day and its serial, without the issuer."""

    day: date
    serial: int


class ProcedureCode(NamedTuple):
    """A procedure code: the eight national characters, and what a province put behind them."""

    national: str
    suffix: str | None


def is_agency_code(text: str) -> bool:
    """Tell whether `text` can be an agency code (QĐ 20/2020: up to 35 of `0-9 A-Z .`)."""
    return (
        len(text) <= AGENCY_CODE_CHARS_MAX
        and _AGENCY_RE.fullmatch(text) is not None
        and ".." not in text
    )


def parse_code(text: str) -> DossierCode | None:
    """Read a dossier code as typed or scanned (case and outer blanks do not matter), else None.

    The six digits in the middle must be a day that exists.
    """
    clean = _clean(text)
    found = _CODE_RE.fullmatch(clean) if clean else None
    if found is None or ".." in found[1]:
        return None
    day = _day(found[2])
    return None if day is None else DossierCode(found[1], day, int(found[3]), len(found[3]))


def parse_code_tail(text: str) -> CodeTail | None:
    """Read `261121-0001`, the end of a dossier code; zeros before the serial may be left out."""
    found = _TAIL_RE.fullmatch(_clean(text))
    day = None if found is None else _day(found[1])
    return None if found is None or day is None else CodeTail(day, int(found[2]))


def format_code(prefix: str, day: date, serial: int, width: int = SERIAL_DIGITS_MIN) -> str:
    """Write a dossier code; a serial wider than `width` is written in full."""
    return f"{prefix}-{day:%y%m%d}-{serial:0{width}d}"


def parse_book_ref(text: str) -> BookRef | None:
    """Read `2026/1/57` (year/volume/number) or `1/57` (volume/number), else None."""
    clean = _clean(text)
    found = _BOOK_RE.fullmatch(clean) if clean else None
    if found is None:
        return None
    return BookRef(int(found[1]) if found[1] else None, int(found[2]), int(found[3]))


def parse_procedure_code(text: str) -> ProcedureCode | None:
    """Split `1.001193.000.00.00.H26`, `1.001193-H26` or plain `1.001193`, else None."""
    clean = _clean(text)
    found = _PROCEDURE_RE.fullmatch(clean) if clean else None
    if found is None or ".." in clean:
        return None
    return ProcedureCode(found[1], found[2])


def _clean(text: str) -> str:
    """Trim and upper-case what can be a code; "" for everything else."""
    if len(text) > CODE_CHARS_MAX or not text.isascii():
        return ""
    return text.strip().upper()


def _day(yymmdd: str) -> date | None:
    try:
        return date(2000 + int(yymmdd[:2]), int(yymmdd[2:4]), int(yymmdd[4:]))
    except ValueError:
        return None
