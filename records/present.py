"""Dossiers, visits and problems in the JSON shapes both sides answer with (docs/interfaces.md).

Personal data is masked unless a reader may see it and says so. Times are office time; what is not
known is null, and nothing is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from records.catalogue import Procedure
from records.conflicts import ConflictField, Kept
from records.desk_events import State
from records.documents import Paper, papers
from records.dossier import Dossier, is_late, next_commands
from records.moment import local
from records.twice import TwiceItem
from records.values import Applicant, Channel, Gender, Holder, IdKind, PersonKind, VisitMethod
from records.visits import EndedBy, Visit
from wire.texts import Text

MASK = "•••••"
SHOWN_CHARS = 3
MASKED_CHARS_MIN = 8
"""A shorter text is masked as a whole: three characters at each end would tell it."""

Delivery = Literal["waiting", "delivered", "rejected"]
Severity = Literal["info", "warn", "act"]


class ProcedureItem(Struct, frozen=True, kw_only=True):
    """The procedure of a dossier, in the version it was received under."""

    code: str
    name: str | None
    field: str | None
    version: str | None


class ApplicantItem(Struct, frozen=True, kw_only=True):
    """An applicant, masked or not."""

    full_name: str
    id_kind: IdKind | None
    id_number: str | None
    date_of_birth: str | None
    gender: Gender | None
    phone: str | None
    email: str | None
    address: str | None
    organisation: str | None


class FeesItem(Struct, frozen=True, kw_only=True):
    """What is due (None: not known) and what was paid, in VND."""

    due_vnd: int | None
    paid_vnd: int


class DocumentItem(Struct, frozen=True, kw_only=True):
    """A paper; `id`, `bytes`, `media_type` and `pages` are known once it is scanned."""

    id: str | None
    name: str
    bytes: int | None
    media_type: str | None
    pages: int | None
    delivery: Delivery


class EventItem(Struct, frozen=True, kw_only=True):
    """One event of a dossier; its body is masked (`masked_body`) unless it may be seen."""

    id: str
    kind: str
    at: str
    actor: str
    body: msgspec.Raw
    delivery: Delivery


class DossierItem(Struct, frozen=True, kw_only=True):
    """A dossier in a list.

    `delivery` speaks of its events; `complete`: the province has them and all of its documents.
    """

    id: str
    code: str | None
    book: str | None
    book_year: int | None
    procedure: ProcedureItem
    channel: Channel
    return_channel: Channel
    state: State
    holder: Holder
    received_at: str
    due_at: str | None
    resolved_at: str | None
    returned_at: str | None
    late: bool
    urgent: bool
    applicant: ApplicantItem
    fees: FeesItem
    documents: tuple[DocumentItem, ...]
    delivery: Delivery
    delivered_at: str | None
    complete: bool
    conflicts: int
    problems: int
    next: tuple[str, ...]


class ValueItem(Struct, frozen=True, kw_only=True):
    """One of the two values of a conflict; `keep` chooses it, `by` and `at` as far as known."""

    keep: Holder
    value: str | None
    by: str | None
    at: str | None


class ConflictItem(Struct, frozen=True, kw_only=True):
    """An open conflict: what both name, the value that stands now, and the other one."""

    id: str
    field: ConflictField
    stands: ValueItem
    other: ValueItem


class DossierDetail(DossierItem, frozen=True, kw_only=True):
    """A single dossier, with its events and its open conflicts."""

    events: tuple[EventItem, ...]
    open_conflicts: tuple[ConflictItem, ...]


class VisitItem(Struct, frozen=True, kw_only=True):
    """A visit in a list."""

    id: str
    person: PersonKind
    name: str | None
    room: str
    in_at: str | None
    out_at: str | None
    by: EndedBy | None
    temperature_c: float | None
    suspected: bool
    method: VisitMethod | None
    delivery: Delivery


class NamedVisitItem(VisitItem, frozen=True, kw_only=True):
    """A visit with its visitor's identity number; whoever gives it out records that."""

    id_number: str | None


class ProblemItem(Struct, frozen=True, kw_only=True):
    """Something a person should know, or do something about.

    `subject` is the id of what it is about; of a conflict that is the dossier, and `conflict` both
    values. `twice` holds the dossiers that bear one number, `subject` is the last of them.
    """

    id: str
    code: str
    severity: Severity
    title: Text
    action: Text
    subject: str | None
    since: str
    conflict: ConflictItem | None = None
    twice: TwiceItem | None = None


class DeliveryMark(Struct, frozen=True):
    """Where a record stands on its way to the province; delivered only after a receipt."""

    delivery: Delivery = "waiting"
    delivered_at_ms: int | None = None
    problems: int = 0


def dossier_item(
    id_: str,
    dossier: Dossier,
    *,
    procedure: Procedure | None,
    mark: DeliveryMark,
    now_ms: int,
    arrived: Callable[[str], bool],
    reveal: bool = False,
) -> DossierItem:
    """Return a dossier as a list shows it; `reveal` unmasks, and the caller records that.

    `arrived` tells of a document, by its id, whether the province holds it whole.
    """
    documents = tuple(
        document_item(paper, mark.delivery, arrived)
        for paper in papers(dossier.documents, dossier.attached)
    )
    return DossierItem(
        id=id_,
        code=dossier.code,
        book=dossier.book,
        book_year=dossier.book_year,
        procedure=ProcedureItem(
            code=dossier.procedure_code,
            name=None if procedure is None else procedure.name,
            field=None if procedure is None else procedure.field,
            version=dossier.version,
        ),
        channel=dossier.channel,
        return_channel=dossier.return_channel,
        state=dossier.state,
        holder=dossier.holder,
        received_at=local(dossier.received_at_ms).isoformat(),
        due_at=shown_time(dossier.due_at_ms),
        resolved_at=shown_time(dossier.resolved_at_ms),
        returned_at=shown_time(dossier.returned_at_ms),
        late=is_late(dossier, now_ms),
        urgent=dossier.urgent,
        applicant=applicant_item(dossier.applicant, reveal=reveal),
        fees=FeesItem(due_vnd=dossier.fees_due_vnd, paid_vnd=dossier.fees_paid_vnd),
        documents=documents,
        delivery=mark.delivery,
        delivered_at=shown_time(mark.delivered_at_ms),
        complete=mark.delivery == "delivered"
        and all(one.delivery == "delivered" for one in documents),
        conflicts=dossier.conflicts,
        problems=dossier.problems + mark.problems,
        next=next_commands(dossier),
    )


def document_item(paper: Paper, delivery: Delivery, arrived: Callable[[str], bool]) -> DocumentItem:
    """Return a paper; a scan is delivered when its event is, and all of its bytes are."""
    scan = paper.scan
    if scan is None:
        return DocumentItem(
            id=None, name=paper.name, bytes=None, media_type=None, pages=None, delivery=delivery
        )
    return DocumentItem(
        id=scan.id,
        name=scan.name,
        bytes=scan.bytes,
        media_type=scan.media_type,
        pages=scan.pages,
        delivery="waiting" if delivery == "delivered" and not arrived(scan.id) else delivery,
    )


def dossier_detail(
    item: DossierItem, events: Sequence[EventItem], kept: Sequence[Kept]
) -> DossierDetail:
    """Return a single dossier with its events and conflicts, oldest first."""
    return DossierDetail(
        **msgspec.structs.asdict(item),
        events=tuple(events),
        open_conflicts=tuple(conflict_item(one) for one in kept),
    )


def conflict_item(kept: Kept) -> ConflictItem:
    """Return a conflict as it is shown; `keep` for what stands is the side that did not lose."""
    return ConflictItem(
        id=kept.id,
        field=kept.field,
        stands=ValueItem(
            keep="office" if kept.mark.side == "province" else "province",
            value=kept.stands,
            by=None if kept.stood is None else kept.stood.by,
            at=None if kept.stood is None else shown_time(kept.stood.at_ms),
        ),
        other=ValueItem(
            keep=kept.mark.side,
            value=kept.other,
            by=kept.mark.by,
            at=shown_time(kept.mark.at_ms),
        ),
    )


def visit_item(id_: str, visit: Visit, *, delivery: Delivery, name: str | None = None) -> VisitItem:
    """Return a visit as a list shows it; `name` stands for that of the visit where it is given."""
    return VisitItem(
        id=id_,
        person=visit.person,
        name=visit.name if name is None else name,
        room=visit.room,
        in_at=shown_time(visit.in_at_ms),
        out_at=shown_time(visit.out_at_ms),
        by=visit.by,
        temperature_c=visit.temperature_c,
        suspected=visit.suspected,
        method=visit.method,
        delivery=delivery,
    )


def applicant_item(applicant: Applicant, *, reveal: bool = False) -> ApplicantItem:
    """Return an applicant; the name stays, since people are called by it."""
    born = applicant.date_of_birth
    if reveal:
        day = None if born is None else born.isoformat()
        number, phone, address = applicant.id_number, applicant.phone, applicant.address
        email = applicant.email
    else:
        day = None if born is None else f"{born.year}-••-••"
        number, phone = masked(applicant.id_number), masked(applicant.phone)
        address = None if applicant.address is None else MASK
        email = masked_email(applicant.email)
    return ApplicantItem(
        full_name=applicant.full_name,
        id_kind=applicant.id_kind,
        id_number=number,
        date_of_birth=day,
        gender=applicant.gender,
        phone=phone,
        email=email,
        address=address,
        organisation=applicant.organisation,
    )


def masked(number: str | None) -> str | None:
    """Return `001•••••017` for `001184000017`; what is short is hidden as a whole."""
    if number is None:
        return None
    if len(number) < MASKED_CHARS_MIN:
        return MASK
    return f"{number[:SHOWN_CHARS]}{MASK}{number[-SHOWN_CHARS:]}"


def masked_email(email: str | None) -> str | None:
    """Return `•••••@example.vn`: the part that names the person is hidden."""
    if email is None:
        return None
    _, _, host = email.rpartition("@")
    return f"{MASK}@{host}"


def masked_body(body: bytes | msgspec.Raw) -> msgspec.Raw:
    """Return the body of an event of any kind with its personal data masked."""
    return msgspec.Raw(msgspec.json.encode(_masked(msgspec.json.decode(body), "")))


def _masked(value: object, name: str) -> object:
    match value:
        case dict():
            # A correction names members by their path: `applicant.phone`.
            return {key: _masked(item, str(key).rpartition(".")[2]) for key, item in value.items()}
        case list():
            return [_masked(item, name) for item in value]
        case str() if name in _MASKS:
            return _MASKS[name](value)
        case _:
            return value


_MASKS: Mapping[str, Callable[[str], str | None]] = {
    "id_number": masked,
    "phone": masked,
    "pass": masked,
    "email": masked_email,
    "address": lambda _: MASK,
    "key": lambda _: MASK,
    "return_address": lambda _: MASK,
    "date_of_birth": lambda day: f"{day[:4]}-••-••",
}


def shown_time(at_ms: int | None) -> str | None:
    """Return a moment as RFC 3339 in office time."""
    return None if at_ms is None else local(at_ms).isoformat()
