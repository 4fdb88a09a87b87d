"""What a scan means: a card, one of our codes, a dossier, a parcel, or something we must not keep.

The raw text of a scan is never part of an answer. What nobody documents (codes of phone apps)
becomes `Opaque`: a keyed hash that tells the same code from another one, and nothing else. A
driver has already taken line endings and symbology prefixes off.
"""

from __future__ import annotations

import hmac
import unicodedata
from typing import Final, Literal

from msgspec import Struct

from records.cards import SCAN_CHARS_MAX, CitizenCard, parse_citizen_card
from records.codes import BookRef, DossierCode, parse_book_ref, parse_code
from records.health_card import HealthCard, parse_health_card
from records.own_codes import (
    Declaration,
    OwnCode,
    parse_declaration,
    parse_own_code,
    parse_receipt,
)
from records.s10 import PostalItem, parse_item, parse_s10

MARK_CHARS: Final = 32
KEY_BYTES_MIN: Final = 16

ReadingKind = Literal[
    "citizen_card", "health_card", "dossier", "postal_item", "own", "ticket", "opaque"
]


class Opaque(Struct, frozen=True):
    """A scan nobody can read: `mark` is 128 bits of HMAC-SHA256 in hex, `chars` its length."""

    mark: str
    chars: int


Recognised = (
    CitizenCard | HealthCard | DossierCode | BookRef | PostalItem | OwnCode | Declaration | Opaque
)


def recognise(text: str, *, key: bytes, use: Literal["post"] | None = None) -> Recognised:
    """Say what a scan means. Never raises on any text.

    `key` (16 bytes or more, else ValueError) marks what cannot be read. A scanner whose `use` is
    the post takes numbers of other shapes than S10 for item numbers, kept unchecked.
    """
    if len(key) < KEY_BYTES_MIN:
        msg = f"the key of unreadable scans needs {KEY_BYTES_MIN} bytes"
        raise ValueError(msg)
    found = _known(text) if len(text) <= SCAN_CHARS_MAX else None
    if found is None and use == "post":
        found = parse_item(text)
    return _opaque(text, key) if found is None else found


def reading_kind(found: Recognised) -> ReadingKind:
    """Give the word a reading shows for what was recognised."""
    match found:
        case CitizenCard():
            return "citizen_card"
        case HealthCard():
            return "health_card"
        case DossierCode() | BookRef():
            return "dossier"
        case PostalItem():
            return "postal_item"
        case OwnCode(kind="T"):
            return "ticket"
        case OwnCode() | Declaration():
            return "own"
        case _:
            return "opaque"


def _known(text: str) -> Recognised | None:
    if "|" in text:
        return parse_declaration(text) or parse_citizen_card(text) or parse_health_card(text)
    return (
        parse_own_code(text)
        or parse_receipt(text)
        or parse_code(text)
        or parse_book_ref(text)
        or parse_s10(text)
    )


def _opaque(text: str, key: bytes) -> Opaque:
    words = unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")
    return Opaque(hmac.digest(key, words, "sha256").hex()[:MARK_CHARS], len(text))
