"""Deciding about a dossier that is there: what its state allows, and what follows."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct

from records import fees
from records.command_types import (
    AttachDocument,
    ChangeReturn,
    CorrectDossier,
    DossierCommand,
    ExtendDossier,
    ForwardDossier,
    PayFee,
    RefuseDossier,
    RequestSupplement,
    ResolveDossier,
    ReturnDossier,
    StopDossier,
    SupplementDossier,
    WithdrawDossier,
)
from records.corrections import BOOK, FEE_BEARING, IDENTITY, book_place
from records.decide_receive import (
    address_cautions,
    caution,
    given_due,
    item_cautions,
    return_errors,
)
from records.decision import Caution, Decision, Facts, FoundDossier, NewEvent
from records.documents import event_of
from records.dossier import ALLOWED, EVENT_OF, Dossier, evolve, next_commands
from records.due import due_time, filing_day, is_short_notice
from records.moment import Moment, local
from records.office_events import (
    DossierCorrected,
    DossierExtended,
    DossierForwarded,
    DossierRefused,
    DossierResolved,
    DossierReturned,
    DossierStopped,
    DossierSupplemented,
    DossierWithdrawn,
    FeePaid,
    ReturnChanged,
    SupplementRequested,
)
from records.texts import TEXTS, wrong
from records.validate import id_errors
from wire.problems import FieldError, Refusal
from wire.texts import Text

SUPPLEMENT_WORKING_DAYS_MAX = 3
"""Missing papers are asked for within so many working days (docs/domain.md "Due time")."""


class Case(Struct, frozen=True):
    """What a rule looks at: the dossier before the command, the facts, the moment."""

    dossier: Dossier
    facts: Facts
    now: Moment
    cautions: list[Caution]


Rule = Callable[[Any, Case], Struct]


def change(command: DossierCommand, facts: Facts, now: Moment) -> Decision:
    """Decide about a dossier that is there.

    Raises:
        Refusal: `dossier-unknown`; `state-forbidden`, naming what is possible; `field-invalid` or
            `due-required` with every wrong place.
    """
    found = facts.dossier(command.dossier)
    if found is None:
        text = TEXTS["refusal.dossier_unknown"].format(ref=command.dossier)
        raise Refusal("dossier-unknown", text, [FieldError("dossier", "dossier-unknown", text)])
    name = str(command.__struct_config__.tag)
    _check_state(name, found.dossier)
    case = Case(found.dossier, facts, now, [])
    body = _RULES[type(command)](command, case)
    return told(found, EVENT_OF[name], body, now, case.cautions)


def _check_state(command: str, dossier: Dossier) -> None:
    if dossier.state not in ALLOWED[command]:
        text = TEXTS["refusal.state_forbidden"].format(
            state=TEXTS[f"state.{dossier.state}"],
            command=TEXTS[f"command.{command}"],
            possible=possible(dossier),
        )
        raise Refusal("state-forbidden", text)
    if command == "dossier.extend" and dossier.extended:
        text = TEXTS["refusal.extended_already"].format(possible=possible(dossier))
        raise Refusal("state-forbidden", text)


def possible(dossier: Dossier) -> Text:
    """Name the commands that are possible, in words and by type."""
    names = [(TEXTS[f"command.{command}"], command) for command in next_commands(dossier)]
    return Text(
        ", ".join(f"{text.vi} ({command})" for text, command in names),
        ", ".join(f"{text.en} ({command})" for text, command in names),
    )


def told(
    found: FoundDossier, kind: str, body: Struct, now: Moment, cautions: Sequence[Caution] = ()
) -> Decision:
    """Return the decision to record one event about a dossier; its author knows all there is."""
    after = evolve(found.dossier, kind, body, now.now_ms)
    return Decision(
        events=(NewEvent(kind, found.ref, body, seen=found.seen),),
        subject=found.ref,
        id=found.id,
        code=after.code,
        book=after.book,
        book_year=after.book_year,
        due_at=None if after.due_at_ms is None else local(after.due_at_ms).isoformat(),
        warnings=tuple(cautions),
    )


def _request_supplement(command: RequestSupplement, case: Case) -> Struct:
    calendar = case.facts.calendar()
    filed = filing_day(local(case.dossier.received_at_ms), calendar)
    waited = calendar.working_days_between(filed, case.now.today)
    if waited > SUPPLEMENT_WORKING_DAYS_MAX:
        case.cautions.append(caution("supplement-late"))
    return SupplementRequested(papers=command.papers, reason=command.reason)


def _supplement(command: SupplementDossier, case: Case) -> Struct:
    errors: list[FieldError] = []
    due_at = _due_from_zero(command.due_at, case, errors)
    if errors:
        raise Refusal(errors[0].code, errors=errors)
    return DossierSupplemented(documents=command.documents, due_at=due_at)


def _due_from_zero(given: datetime | None, case: Case, errors: list[FieldError]) -> datetime | None:
    """Count the due time anew from now.

    Where the catalogue has no time the clerk may give one; else as many working days count as
    were promised at first.
    """
    dossier, calendar, now = case.dossier, case.facts.calendar(), case.now.local
    procedure = case.facts.procedure(dossier.procedure_code, dossier.version)
    if procedure is not None and procedure.working_days is not None:
        if given is not None:
            errors.append(wrong("due_at", "due_fixed"))
        return due_time(now, procedure.working_days, calendar)
    if given is not None or dossier.first_due_at_ms is None:
        return given_due(given, now, errors)
    filed = filing_day(local(dossier.received_at_ms), calendar)
    promised = calendar.working_days_between(filed, local(dossier.first_due_at_ms).date())
    return due_time(now, promised, calendar)


def _forward(command: ForwardDossier, _case: Case) -> Struct:
    return DossierForwarded(to=command.to, holder=command.holder)


def _resolve(command: ResolveDossier, _case: Case) -> Struct:
    return DossierResolved(result=command.result)


def _refuse(command: RefuseDossier, _case: Case) -> Struct:
    return DossierRefused(reason=command.reason)


def _stop(command: StopDossier, _case: Case) -> Struct:
    return DossierStopped(reason=command.reason)


def _withdraw(command: WithdrawDossier, _case: Case) -> Struct:
    return DossierWithdrawn(reason=command.reason)


def _extend(command: ExtendDossier, case: Case) -> Struct:
    now, before_ms = case.now.local, case.dossier.due_at_ms
    before = None if before_ms is None else local(before_ms)
    errors: list[FieldError] = []
    due_at = given_due(command.due_at, now if before is None else max(now, before), errors)
    if errors or due_at is None:
        raise Refusal("field-invalid", errors=errors)
    late = before is not None and is_short_notice(now, before, case.facts.calendar())
    if late:
        case.cautions.append(caution("extension-late"))
    return DossierExtended(due_at=due_at, reason=command.reason, late=late)


def _change_return(command: ChangeReturn, case: Case) -> Struct:
    dossier = case.dossier
    procedure = case.facts.procedure(dossier.procedure_code, dossier.version)
    if errors := return_errors(procedure, command.return_channel):
        raise Refusal("field-invalid", errors=errors)
    case.cautions.extend(
        address_cautions(command.return_channel, command.return_address, dossier.applicant)
    )
    return ReturnChanged(
        return_channel=command.return_channel, return_address=command.return_address
    )


def _pay(command: PayFee, case: Case) -> Struct:
    due = case.dossier.fees_due_vnd
    if due is not None and case.dossier.fees_paid_vnd + command.amount_vnd > due:
        case.cautions.append(caution("overpaid", "amount_vnd", due=due))
    return FeePaid(
        name=command.name, amount_vnd=command.amount_vnd, by=command.by, receipt=command.receipt
    )


def _attach(command: AttachDocument, case: Case) -> Struct:
    captured = case.facts.captured(command.path)
    if captured is None:
        text = TEXTS["refusal.document_not_captured"]
        raise Refusal("document-unreadable", errors=[FieldError("path", "field-invalid", text)])
    return event_of(command.name, captured)


def _return(command: ReturnDossier, case: Case) -> Struct:
    left = (case.dossier.fees_due_vnd or 0) - case.dossier.fees_paid_vnd
    if left > 0 and case.dossier.outcome == "resolved":
        case.cautions.append(caution("fees-unpaid", left=left))
    case.cautions.extend(item_cautions(command.item))
    return DossierReturned(by=command.by, to=command.to, item=command.item)


def _check_place(place: tuple[int, int], dossier: Dossier, case: Case) -> None:
    """Refuse a place in the register that is taken, and one for a dossier that has none."""
    year, path = dossier.book_year, f"set.{BOOK}"
    if year is None:
        raise Refusal("field-invalid", errors=[wrong(path, "not_in_register")])
    if case.facts.book_taken(year, *place):
        taken = wrong(path, "paper_number_taken", year=year, volume=place[0], number=place[1])
        raise Refusal("field-invalid", errors=[taken])


def _correct(command: CorrectDossier, case: Case) -> Struct:
    dossier, fee = case.dossier, None
    if (place := book_place(command.set.get(BOOK))) is not None:
        _check_place(place, dossier, case)
    if FEE_BEARING & command.set.keys():
        procedure = case.facts.procedure(dossier.procedure_code, dossier.version)
        pages, copies = (
            command.set.get(member, getattr(dossier, member)) for member in ("pages", "copies")
        )
        fee = None if procedure is None else fees.due_vnd(procedure.fee, pages, copies)
    body = DossierCorrected(set=command.set, reason=command.reason, fees_due_vnd=fee)
    try:
        after = evolve(dossier, "dossier.corrected", body, case.now.now_ms)
    except msgspec.ValidationError as incomplete:
        # Types were checked on the way in: what is left is a new proxy without name or paper.
        raise Refusal("field-invalid", errors=[wrong("set.proxy", "proxy_incomplete")]) from (
            incomplete
        )
    named = [path for path in IDENTITY if path in command.set]
    if named and (errors := id_errors(after.applicant, f"set.{named[0]}")):
        raise Refusal("field-invalid", errors=errors)
    return body


_RULES: Mapping[type[Struct], Rule] = MappingProxyType(
    {
        RequestSupplement: _request_supplement,
        SupplementDossier: _supplement,
        ForwardDossier: _forward,
        ResolveDossier: _resolve,
        RefuseDossier: _refuse,
        StopDossier: _stop,
        WithdrawDossier: _withdraw,
        ExtendDossier: _extend,
        ChangeReturn: _change_return,
        PayFee: _pay,
        ReturnDossier: _return,
        CorrectDossier: _correct,
        AttachDocument: _attach,
    }
)
