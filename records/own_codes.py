"""The codes we print ourselves, and the declaration a visitor's phone shows.

* `CM1.<kind>.<id>`: V pass, A appointment, S staff badge, T queue ticket, B postal batch; the id is
  22 base64url characters (16 random bytes) and says nothing about anybody.
* `CM1.D.<dossier>` on receipts: a dossier code, or year/volume/number of the register book.
* `CMP1|name|phone|id_number|symptom codes|yyyy-MM-ddTHH:mm`: built on the visitor's own phone by a
  static page, read at the door with no line. Symptoms are the names of `visit.check_in` with commas
  between them, or their letters F C B S O. The time is the phone's, taken as office time.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Final, Literal, get_args
from uuid import UUID

from msgspec import Struct

from records.calendar import OFFICE_ZONE
from records.cards import SCAN_CHARS_MAX, field_text, is_clean
from records.codes import BookRef, DossierCode, parse_book_ref, parse_code
from records.person_numbers import is_person_id, spelt_id
from records.values import Symptom

OwnKind = Literal["V", "A", "S", "T", "B"]

DECLARATION_AGE_MAX: Final = timedelta(hours=24)
"""An older declaration is asked again."""
DECLARATION_AHEAD_MAX: Final = timedelta(minutes=15)
"""How far a visitor's clock may run ahead of the office's before its time means nothing."""

_OWN_RE: Final = re.compile(r"CM1\.([VASTB])\.([A-Za-z0-9_-]{22})")
_DOSSIER_PREFIX: Final = "CM1.D."
_DECLARATION_PREFIX: Final = "CMP1|"
_MADE_AT_RE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}")
_PHONE_RE: Final = re.compile(r"\+?[0-9]{8,15}")
_SYMPTOMS: Final[dict[str, Symptom]] = {
    **{name: name for name in get_args(Symptom)},
    **{name[0]: name for name in get_args(Symptom)},
}
_NO_SYMPTOM: Final = frozenset({"", "-", "0", "none"})
_LETTERS_RE: Final = re.compile(r"[fcbso]+")


class OwnCode(Struct, frozen=True):
    """A code we printed: what it is for, and its id (22 base64url characters)."""

    kind: OwnKind
    id: str

    def __str__(self) -> str:
        return f"CM1.{self.kind}.{self.id}"


class Declaration(Struct, frozen=True, kw_only=True):
    """What a visitor declared; `made_at` is office time, None where the phone gave none."""

    full_name: str
    phone: str | None
    id_number: str | None
    symptoms: tuple[Symptom, ...]
    made_at: datetime | None

    def is_stale(self, now: datetime) -> bool:
        """Tell whether it has to be asked again: older than 24 h, from the future, or undated."""
        if self.made_at is None:
            return True
        return not -DECLARATION_AHEAD_MAX <= now - self.made_at <= DECLARATION_AGE_MAX


def own_id(value: UUID) -> str:
    """Write sixteen bytes as the 22 characters of a code."""
    return urlsafe_b64encode(value.bytes).rstrip(b"=").decode("ascii")


def parse_own_code(text: str) -> OwnCode | None:
    """Read `CM1.` with one of the kinds V A S T B, else None."""
    if len(text) > SCAN_CHARS_MAX:
        return None
    found = _OWN_RE.fullmatch(text.strip())
    if found is None:
        return None
    kind: OwnKind = found[1]  # type: ignore[assignment]  # the pattern lets no other letter through
    return OwnCode(kind, found[2])


def parse_receipt(text: str) -> DossierCode | BookRef | None:
    """Read the `CM1.D.` of a receipt, else None; a book number must say its year."""
    if len(text) > SCAN_CHARS_MAX or not text.strip().startswith(_DOSSIER_PREFIX):
        return None
    named = text.strip().removeprefix(_DOSSIER_PREFIX)
    place = parse_book_ref(named)
    if place is not None:
        return place if place.year is not None else None
    return parse_code(named)


def format_receipt(dossier: DossierCode | BookRef) -> str:
    """Write the QR of a receipt."""
    return f"{_DOSSIER_PREFIX}{dossier}"


def parse_declaration(text: str) -> Declaration | None:
    """Read `CMP1|`, else None; without a name it is refused, another wrong field is left out."""
    if len(text) > SCAN_CHARS_MAX or not is_clean(text):
        return None
    scan = text.strip()
    if not scan.startswith(_DECLARATION_PREFIX):
        return None
    fields = [field_text(field) for field in scan.split("|")]
    if len(fields) != 6 or not fields[1]:
        return None
    _, name, phone, number, symptoms, made_at = fields
    phone = re.sub(r"[ .()-]", "", phone)
    number = spelt_id(number)
    return Declaration(
        full_name=name,
        phone=phone if _PHONE_RE.fullmatch(phone) else None,
        id_number=number if is_person_id(number) else None,
        symptoms=_symptoms(symptoms),
        made_at=_made_at(made_at),
    )


def _symptoms(text: str) -> tuple[Symptom, ...]:
    """Read names or letters; a word nobody knows is `other`, so that it is asked about."""
    found: list[Symptom] = []
    for word in re.split(r"[, ]+", text.lower()):
        if word in _NO_SYMPTOM:
            continue
        if word not in _SYMPTOMS and _LETTERS_RE.fullmatch(word):
            found.extend(_SYMPTOMS[letter] for letter in word)
        else:
            found.append(_SYMPTOMS.get(word, "other"))
    return tuple(dict.fromkeys(found))


def _made_at(text: str) -> datetime | None:
    if _MADE_AT_RE.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=OFFICE_ZONE)
    except ValueError:
        return None
