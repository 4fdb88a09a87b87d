"""What stands in the body of each event an office writes.

One Struct a kind, tolerant of members of a later version, so that an event is read for ever.
The names of procedures and places are not repeated: code and version are enough.
"""

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from records.values import (
    Applicant,
    Channel,
    DeclaredBy,
    DeclineForm,
    Document,
    DossierResult,
    Holder,
    Override,
    PaidBy,
    PaperEntry,
    PersonKind,
    Proxy,
    Recipient,
    ReturnedBy,
    Symptom,
    VisitMethod,
    Visitor,
)


class DossierReceived(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A dossier was accepted.

    `version` of the catalogue it was received under; `book` is `year/volume/number`;
    `due_at` was calculated once, here. `fees_due_vnd` is what the catalogue's rule gives.
    """

    procedure_code: str
    version: str | None = None
    channel: Channel
    return_channel: Channel
    applicant: Applicant
    proxy: Proxy | None = None
    documents: tuple[Document, ...] | None = None
    sets: int = 1
    summary: str | None = None
    note: str | None = None
    pages: int | None = None
    copies: int | None = None
    return_address: str | None = None
    item: str | None = None
    batch: str | None = None
    appointment: str | None = None
    ticket: str | None = None
    urgent: bool = False
    paper: PaperEntry | None = None
    override: Override | None = None
    code: str | None = None
    book: str | None = None
    due_at: datetime | None = None
    fees_due_vnd: int | None = None


class DossierDeclined(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody was sent away before acceptance: no code, no book number, counted."""

    procedure_code: str
    version: str | None = None
    reason: str
    form: DeclineForm
    papers: tuple[str, ...] | None = None
    applicant: Applicant | None = None


class SupplementRequested(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Papers were asked for; nothing is due until they come."""

    papers: tuple[str, ...]
    reason: str


class DossierSupplemented(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The papers came; `due_at` counts from zero."""

    documents: tuple[Document, ...] = ()
    due_at: datetime | None = None


class DossierForwarded(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A dossier was handed on to `to`; from now on `holder` answers for it."""

    to: str
    holder: Holder


class DossierResolved(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result is there."""

    result: DossierResult


class DossierRefused(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A dossier was refused after acceptance."""

    reason: str


class DossierStopped(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A dossier was stopped."""

    reason: str


class DossierWithdrawn(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A dossier was withdrawn by its applicant."""

    reason: str


class DossierExtended(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A new date was given; `late`: less than a working day before the old one, or after it."""

    due_at: datetime
    reason: str
    late: bool = False


class ReturnChanged(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result comes back another way."""

    return_channel: Channel
    return_address: str | None = None


class FeePaid(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Money was taken: `name` of the fee, VND."""

    name: str
    amount_vnd: int
    by: PaidBy
    receipt: str | None = None


class DossierReturned(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result was given back, or handed to the post."""

    by: ReturnedBy
    to: Recipient | None = None
    item: str | None = None


class DossierCorrected(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was written wrongly: dotted path -> value; dates as text.

    `fees_due_vnd` stands here when the correction changes what the fee depends on.
    """

    set: dict[str, str | int | None]
    reason: str
    fees_due_vnd: int | None = None


class DocumentAttached(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document was encrypted and kept (docs/protocol.md section 7).

    `blob_id`: SHA-256 of the encrypted bytes, `sha256`: of the file, both in hex; `key`: the 32
    bytes that open it, base64url without padding; `bytes`: size of the file.
    """

    name: str
    blob_id: str
    key: str
    bytes: int
    sha256: str
    media_type: str
    pages: int | None = None


class PostalMarked(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The post says what became of an item on its way."""

    item: str
    state: Literal["delivered", "came_back", "lost", "damaged"]
    at: datetime | None = None
    note: str | None = None


class VisitCheckedIn(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody came in; `suspected`: the temperature or a symptom speaks for an infection."""

    visitor: Visitor
    method: VisitMethod
    person: PersonKind = "visitor"
    room: str = "main"
    purpose: str | None = None
    temperature_c: float | None = None
    symptoms: tuple[Symptom, ...] | None = None
    declared_by: DeclaredBy | None = None
    override: Override | None = None
    suspected: bool = False


class VisitCheckedOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody left; without a subject nobody knew that they were in, and `visitor` says who."""

    visitor: Visitor | None = None


class VisitEnded(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A visit that nobody ended was ended at the close of its day: `out_at` is that close."""

    by: Literal["day_end"] = "day_end"
    out_at: datetime


class ConflictResolved(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody in the office said which of two values of a dossier holds.

    `conflict` is the id of the event whose value was kept beside (`records.conflicts`).
    """

    conflict: str
    keep: Holder
    reason: str


class PersonLookedUp(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody saw a person's data, or asked for a person by number.

    `fields`: `all`, the subject unmasked; `number`, dossiers found by a whole number, masked, of
    which the subject is the newest; `id_number`, the identity numbers of the visitors of `day`.
    `found`: how many records that showed. The number asked for is never written down.
    """

    fields: Literal["all", "number", "id_number"]
    found: int | None = None
    day: date | None = None


class ClockObserved(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody compared the machine's clock with the right time and found it right.

    `now` is the time they read elsewhere; what the clock was believed until then stands in the
    event's own `clock`.
    """

    now: datetime


class PowerLost(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The machine went down without asking; `last_at`: when something was recorded last."""

    last_at: datetime | None = None


class DeviceChanged(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Parts of the box are others than before (docs/protocol.md section 6, `box`)."""

    parts: tuple[Literal["machine", "disk", "net"], ...]


class JournalOpened(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first event of a successor: it follows (journal, seq, hash), both in hexadecimal.

    `fork`: from there on device and province remember different things; `restored`: the province
    holds what the device wrote after its backup was made, and gave it back too late.
    """

    after: tuple[str, int, str]
    why: Literal["fork", "restored"] = "fork"


OFFICE_BODIES: Mapping[str, type[Struct]] = MappingProxyType(
    {
        "dossier.received": DossierReceived,
        "dossier.declined": DossierDeclined,
        "dossier.supplement_requested": SupplementRequested,
        "dossier.supplemented": DossierSupplemented,
        "dossier.forwarded": DossierForwarded,
        "dossier.resolved": DossierResolved,
        "dossier.refused": DossierRefused,
        "dossier.stopped": DossierStopped,
        "dossier.withdrawn": DossierWithdrawn,
        "dossier.extended": DossierExtended,
        "dossier.return_changed": ReturnChanged,
        "dossier.paid": FeePaid,
        "dossier.returned": DossierReturned,
        "dossier.corrected": DossierCorrected,
        "document.attached": DocumentAttached,
        "postal.marked": PostalMarked,
        "visit.checked_in": VisitCheckedIn,
        "visit.checked_out": VisitCheckedOut,
        "visit.ended": VisitEnded,
        "conflict.resolved": ConflictResolved,
        "clock.observed": ClockObserved,
        "power.lost": PowerLost,
        "device.changed": DeviceChanged,
        "journal.opened": JournalOpened,
        "person.looked_up": PersonLookedUp,
    }
)
"""Every kind an office writes, and the type of its body."""
