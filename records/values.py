"""The values that commands, events and views share.

These are the tolerant ones that events are read with: no length is checked and members of a later
version are passed over, because what was recorded is read for ever. What comes in from outside is
checked by the stricter kinds in `records.command_types`, which are subclasses of these, so that a
checked value goes into an event as it is.
"""

from datetime import date, datetime
from typing import Literal

from msgspec import Struct, field

Channel = Literal["direct", "online", "postal"]
Holder = Literal["office", "province"]
IdKind = Literal["cccd", "cmnd", "passport", "org", "none"]
Gender = Literal["male", "female", "other"]
PaidBy = Literal["cash", "transfer", "post", "online"]
ReturnedBy = Literal["direct", "online", "postal", "official_mail"]
ResultKind = Literal["paper", "electronic", "both"]
DeclineForm = Literal["02", "03"]
VisitMethod = Literal["id_card_qr", "phone_qr", "pass", "declared_by_staff", "roster"]
PersonKind = Literal["visitor", "staff"]
Symptom = Literal["fever", "cough", "breathless", "sore_throat", "other"]
DeclaredBy = Literal["self", "staff", "relative"]
SubjectRef = int | str
"""What an event tells of: the seq of the creating event in this journal, else its id as text."""


class Applicant(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who a dossier is for; an organisation stands with `id_kind: org` or in `organisation`."""

    full_name: str
    id_kind: IdKind | None = None
    id_number: str | None = None
    date_of_birth: date | None = None
    gender: Gender | None = None
    phone: str | None = None
    email: str | None = None
    address: str | None = None
    organisation: str | None = None


class Proxy(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who hands in for the applicant; `paper` names the authorisation (form 01 asks for it)."""

    full_name: str
    id_number: str | None = None
    phone: str | None = None
    address: str | None = None
    email: str | None = None
    paper: str


class Document(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One paper handed in.

    `data_unreachable`: a database look-up should have replaced it but failed (NQ 66.7/2025);
    `do_not_scan`: it stays on paper (TT 03/2025 art. 5).
    """

    name: str
    copies: int
    original: bool
    scanned: bool | None = None
    data_unreachable: bool | None = None
    do_not_scan: bool | None = None


class PaperEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where and when a dossier was written in a paper volume, during a power cut."""

    volume: int
    number: int
    at: datetime


class Override(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A supervisor's decision to go against an order, with its reason."""

    reason: str
    supervisor: str


class ResultPaper(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One paper of a result."""

    name: str
    copies: int


class DossierResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a dossier was resolved with; `number` is that of the document issued."""

    kind: ResultKind
    number: str | None = None
    papers: tuple[ResultPaper, ...] | None = None


class Recipient(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who took a result when it was not the applicant; `paper` names the authorisation."""

    full_name: str
    id_number: str | None = None
    paper: str | None = None


class Visitor(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who stands at the door, as far as known; `pass` is the id of a printed pass (`CM1.V.…`).

    Members stand in the order of `Applicant`, so that the two compress alike.
    """

    full_name: str | None = None
    id_number: str | None = None
    date_of_birth: date | None = None
    gender: Gender | None = None
    phone: str | None = None
    address: str | None = None
    pass_id: str | None = field(default=None, name="pass")
