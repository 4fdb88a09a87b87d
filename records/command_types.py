"""The commands an office gives, as they come in: strict, with lengths, unknown members refused.

Names and members are those of docs/interfaces.md "Commands". Every command may carry `key`
(idempotency) and `actor`. What msgspec checks while it reads stands here as annotations; rules
between members stand in `records.validate`.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from records import limits, values
from records.values import (
    Channel,
    DeclaredBy,
    DeclineForm,
    Gender,
    Holder,
    IdKind,
    PaidBy,
    PersonKind,
    ReturnedBy,
    Symptom,
    VisitMethod,
)

Name = Annotated[str, Meta(min_length=1, max_length=limits.NAME_CHARS_MAX)]
Line = Annotated[str, Meta(min_length=1, max_length=limits.LINE_CHARS_MAX)]
LongText = Annotated[str, Meta(min_length=1, max_length=limits.TEXT_CHARS_MAX)]
Ref = Annotated[str, Meta(min_length=1, max_length=limits.REF_CHARS_MAX)]
Key = Annotated[str, Meta(min_length=1, max_length=limits.KEY_CHARS_MAX)]
AmountVnd = Annotated[int, Meta(ge=1, le=limits.AMOUNT_VND_MAX)]
Copies = Annotated[int, Meta(ge=0, le=limits.COPIES_MAX)]
Time = Annotated[datetime, Meta(tz=True)]
Temperature = Annotated[float, Meta(ge=limits.TEMPERATURE_C_MIN, le=limits.TEMPERATURE_C_MAX)]
Names = Annotated[tuple[Name, ...], Meta(max_length=limits.LIST_ITEMS_MAX)]
SomeNames = Annotated[tuple[Name, ...], Meta(min_length=1, max_length=limits.LIST_ITEMS_MAX)]


class ApplicantIn(values.Applicant, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An applicant as it comes in."""

    full_name: Name
    id_kind: IdKind | None = None
    id_number: Ref | None = None
    date_of_birth: date | None = None
    gender: Gender | None = None
    phone: Ref | None = None
    email: Name | None = None
    address: Line | None = None
    organisation: Line | None = None


class ProxyIn(values.Proxy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A proxy as it comes in."""

    full_name: Name
    id_number: Ref | None = None
    phone: Ref | None = None
    address: Line | None = None
    email: Name | None = None
    paper: Name


class DocumentIn(values.Document, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A paper handed in, as it comes in."""

    name: Line
    copies: Copies
    original: bool


class PaperEntryIn(values.PaperEntry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place in a paper volume, as it comes in."""

    volume: Annotated[int, Meta(ge=1, le=limits.VOLUME_MAX)]
    number: Annotated[int, Meta(ge=1, le=limits.BOOK_NUMBER_MAX)]
    at: Time


class OverrideIn(values.Override, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An override as it comes in."""

    reason: LongText
    supervisor: Name


class ResultPaperIn(values.ResultPaper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A paper of a result, as it comes in."""

    name: Line
    copies: Copies


class DossierResultIn(values.DossierResult, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A result as it comes in."""

    number: Ref | None = None
    papers: Annotated[tuple[ResultPaperIn, ...], Meta(max_length=limits.LIST_ITEMS_MAX)] | None = (
        None
    )


class RecipientIn(values.Recipient, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recipient as it comes in."""

    full_name: Name
    id_number: Ref | None = None
    paper: Name | None = None


class VisitorIn(values.Visitor, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A visitor as it comes in."""

    full_name: Name | None = None
    id_number: Ref | None = None
    phone: Ref | None = None
    address: Line | None = None


Documents = Annotated[tuple[DocumentIn, ...], Meta(max_length=limits.LIST_ITEMS_MAX)]


class CommandBase(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
):
    """What every command may carry."""

    key: Key | None = None
    actor: Name | None = None


class ReceiveDossier(CommandBase, frozen=True, kw_only=True, tag="dossier.receive"):
    """Accept a dossier at the counter; the result carries its numbers and its due time."""

    procedure_code: Ref
    channel: Channel
    return_channel: Channel
    applicant: ApplicantIn
    proxy: ProxyIn | None = None
    documents: Documents | None = None
    sets: Annotated[int, Meta(ge=1, le=limits.SETS_MAX)] = 1
    summary: LongText | None = None
    note: LongText | None = None
    pages: Annotated[int, Meta(ge=1, le=limits.PAGES_MAX)] | None = None
    copies: Annotated[int, Meta(ge=1, le=limits.COPIES_MAX)] | None = None
    due_at: Time | None = None
    return_address: Line | None = None
    item: Ref | None = None
    batch: Ref | None = None
    appointment: Ref | None = None
    ticket: Ref | None = None
    urgent: bool = False
    paper: PaperEntryIn | None = None
    override: OverrideIn | None = None


class DeclineDossier(CommandBase, frozen=True, kw_only=True, tag="dossier.decline"):
    """Send somebody away before acceptance, with form 02 or 03: no number, counted."""

    procedure_code: Ref
    reason: LongText
    form: DeclineForm
    papers: Names | None = None
    applicant: ApplicantIn | None = None


class RequestSupplement(CommandBase, frozen=True, kw_only=True, tag="dossier.request_supplement"):
    """Ask for missing papers (form 02)."""

    dossier: Ref
    papers: SomeNames
    reason: LongText


class SupplementDossier(CommandBase, frozen=True, kw_only=True, tag="dossier.supplement"):
    """Take the papers that were asked for; the due time counts from zero.

    `due_at` may be given where the catalogue has no time; without it as many working days count
    as were given at first.
    """

    dossier: Ref
    documents: Documents
    due_at: Time | None = None


class ForwardDossier(CommandBase, frozen=True, kw_only=True, tag="dossier.forward"):
    """Hand a dossier on, inside the office or to the province."""

    dossier: Ref
    to: Name
    holder: Holder


class ResolveDossier(CommandBase, frozen=True, kw_only=True, tag="dossier.resolve"):
    """Record the result; straight from `received` it is an immediate one."""

    dossier: Ref
    result: DossierResultIn


class RefuseDossier(CommandBase, frozen=True, kw_only=True, tag="dossier.refuse"):
    """Refuse after acceptance (form 03)."""

    dossier: Ref
    reason: LongText


class StopDossier(CommandBase, frozen=True, kw_only=True, tag="dossier.stop"):
    """Stop a dossier (form 05)."""

    dossier: Ref
    reason: LongText


class WithdrawDossier(CommandBase, frozen=True, kw_only=True, tag="dossier.withdraw"):
    """Withdraw at the applicant's wish."""

    dossier: Ref
    reason: LongText


class ExtendDossier(CommandBase, frozen=True, kw_only=True, tag="dossier.extend"):
    """Apologise and give a new date (form 04), once."""

    dossier: Ref
    due_at: Time
    reason: LongText


class ChangeReturn(CommandBase, frozen=True, kw_only=True, tag="dossier.change_return"):
    """Change the way the result comes back."""

    dossier: Ref
    return_channel: Channel
    return_address: Line | None = None


class PayFee(CommandBase, frozen=True, kw_only=True, tag="dossier.pay"):
    """Record a payment."""

    dossier: Ref
    name: Name
    amount_vnd: AmountVnd
    by: PaidBy
    receipt: Ref | None = None


class ReturnDossier(CommandBase, frozen=True, kw_only=True, tag="dossier.return"):
    """Give the result, or the papers, back."""

    dossier: Ref
    by: ReturnedBy
    to: RecipientIn | None = None
    item: Ref | None = None


CorrectionValue = str | int | None


class CorrectDossier(CommandBase, frozen=True, kw_only=True, tag="dossier.correct"):
    """Correct what was written wrongly: dotted path -> value, `null` clears."""

    dossier: Ref
    set: Annotated[dict[str, CorrectionValue], Meta(min_length=1, max_length=30)]
    reason: LongText


class AttachDocument(CommandBase, frozen=True, kw_only=True, tag="document.attach"):
    """Attach a document: `path` of a file on the office's machine; on the web it is uploaded."""

    dossier: Ref
    name: Line
    path: Annotated[str, Meta(min_length=1, max_length=limits.PATH_CHARS_MAX)]


class CheckIn(CommandBase, frozen=True, kw_only=True, tag="visit.check_in"):
    """Somebody comes in."""

    visitor: VisitorIn
    method: VisitMethod
    person: PersonKind = "visitor"
    room: Name = "main"
    purpose: Line | None = None
    temperature_c: Temperature | None = None
    symptoms: tuple[Symptom, ...] | None = None
    declared_by: DeclaredBy | None = None
    override: OverrideIn | None = None


class CheckOut(CommandBase, frozen=True, kw_only=True, tag="visit.check_out"):
    """Somebody leaves, named by the visit or by who they are."""

    visit: Ref | None = None
    visitor: VisitorIn | None = None


class ResolveConflict(CommandBase, frozen=True, kw_only=True, tag="conflict.resolve"):
    """Say which of two values of a dossier holds: the office's, or the province's."""

    conflict: Ref
    keep: Holder
    reason: LongText


class ConfirmClock(CommandBase, frozen=True, kw_only=True, tag="clock.confirm"):
    """Say that the machine's clock is right: `now` is what another clock shows."""

    now: Time


DossierCommand = (
    RequestSupplement
    | SupplementDossier
    | ForwardDossier
    | ResolveDossier
    | RefuseDossier
    | StopDossier
    | WithdrawDossier
    | ExtendDossier
    | ChangeReturn
    | PayFee
    | ReturnDossier
    | CorrectDossier
    | AttachDocument
)
"""Commands about a dossier that is there."""

Command = (
    ReceiveDossier
    | DeclineDossier
    | DossierCommand
    | CheckIn
    | CheckOut
    | ResolveConflict
    | ConfirmClock
)

CommandType = Literal[
    "dossier.receive",
    "dossier.decline",
    "dossier.request_supplement",
    "dossier.supplement",
    "dossier.forward",
    "dossier.resolve",
    "dossier.refuse",
    "dossier.stop",
    "dossier.withdraw",
    "dossier.extend",
    "dossier.change_return",
    "dossier.pay",
    "dossier.return",
    "dossier.correct",
    "document.attach",
    "visit.check_in",
    "visit.check_out",
    "conflict.resolve",
    "clock.confirm",
]
"""The `type` of every command there is."""
