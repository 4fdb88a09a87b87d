"""Text for searching as one types: small letters, no diacritics, đ as d.

`fold("Nguyễn Thị Ngọc Hà")` is `nguyen thi ngoc ha`, whether the input was composed or not.
"""

from __future__ import annotations

import unicodedata
from typing import Final


def _table() -> dict[int, str | None]:
    """Every Vietnamese letter and every combining mark those letters decompose into."""
    table: dict[int, str | None] = {ord("đ"): "d"}
    tones = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
    shapes = ("", "\u0302", "\u0306", "\u031b")
    for vowel in "aeiouy":
        for shape in shapes:
            for tone in tones:
                letter = unicodedata.normalize("NFC", vowel + shape + tone)
                if len(letter) == 1 and letter != vowel:
                    table[ord(letter)] = vowel
    table.update({ord(mark): None for mark in (*tones, *shapes) if mark})
    return table


_TABLE: Final = _table()


def fold(text: str) -> str:
    """Give the search form of a text; Vietnamese takes the quick way, all else the general one."""
    plain = text.lower().translate(_TABLE)
    return plain if plain.isascii() else _general(plain)


def _general(text: str) -> str:
    parts = unicodedata.normalize("NFD", text)
    base = "".join(part for part in parts if unicodedata.category(part) != "Mn")
    return unicodedata.normalize("NFC", base).replace("đ", "d")
