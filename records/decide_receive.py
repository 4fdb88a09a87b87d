"""Deciding about a dossier that comes in: its numbers, its due time, its fee."""

from collections.abc import Iterable
from datetime import date, datetime

from msgspec import Struct

from records import fees
from records.cards import differences
from records.catalogue import Procedure
from records.codes import BookRef
from records.command_types import DeclineDossier, PaperEntryIn, ReceiveDossier
from records.decision import Caution, Decision, Facts, NewEvent
from records.due import due_time
from records.leases import LeaseWarning
from records.moment import Moment, local, office_day, to_ms
from records.office_events import DossierDeclined, DossierReceived
from records.s10 import parse_item
from records.texts import TEXTS, wrong
from records.values import Applicant, Channel
from wire.problems import FieldError, Refusal


class Numbers(Struct, frozen=True):
    """What a dossier is called: its code and its place in the register, as far as given."""

    code: str | None
    book: BookRef | None


class Days(Struct, frozen=True):
    """The day a code is given for, None for no code, and the day whose year the register is in."""

    code: date | None
    book: date


def receive(command: ReceiveDossier, facts: Facts, now: Moment) -> Decision:
    """Accept a dossier.

    Raises:
        Refusal: `procedure-unknown`; `due-required` or `field-invalid` with every wrong place.
    """
    procedure = _procedure(facts, command.procedure_code)
    filed = _filed(command, now)
    cautions: list[Caution] = []
    errors = _paper_errors(command.paper, filed, facts, now)
    errors += return_errors(procedure, command.return_channel)
    due_at = _due(command.due_at, procedure, filed, facts, errors)
    if errors:
        raise Refusal(errors[0].code, errors=errors)
    days = _days(command.paper is not None, filed.date(), facts, now, cautions)
    numbers = _numbers(command.paper, procedure.field, days, facts, cautions)
    if days.code is not None:
        cautions += _code_cautions(numbers.code, facts.lease_warnings(now.today))
    cautions += _cautions(command, procedure, facts)
    body = DossierReceived(
        procedure_code=command.procedure_code,
        version=procedure.version,
        channel=command.channel,
        return_channel=command.return_channel,
        applicant=command.applicant,
        proxy=command.proxy,
        documents=command.documents,
        sets=command.sets,
        summary=command.summary,
        note=command.note,
        pages=command.pages,
        copies=command.copies,
        return_address=command.return_address,
        item=command.item,
        batch=command.batch,
        appointment=command.appointment,
        ticket=command.ticket,
        urgent=command.urgent,
        paper=command.paper,
        override=command.override,
        code=numbers.code,
        book=str(numbers.book) if numbers.book else None,
        due_at=due_at,
        fees_due_vnd=fees.due_vnd(procedure.fee, command.pages, command.copies),
    )
    return Decision(
        events=(NewEvent("dossier.received", None, body),),
        code=numbers.code,
        book=numbers.book.book if numbers.book else None,
        book_year=numbers.book.year if numbers.book else None,
        due_at=due_at.isoformat() if due_at else None,
        warnings=tuple(cautions),
    )


def decline(command: DeclineDossier, facts: Facts, _now: Moment) -> Decision:
    """Record that somebody was sent away before acceptance: no number, counted.

    Raises:
        Refusal: `procedure-unknown`.
    """
    procedure = _procedure(facts, command.procedure_code)
    body = DossierDeclined(
        procedure_code=command.procedure_code,
        version=procedure.version,
        reason=command.reason,
        form=command.form,
        papers=command.papers,
        applicant=command.applicant,
    )
    cautions = () if command.applicant is None else card_cautions(command.applicant)
    return Decision(events=(NewEvent("dossier.declined", None, body),), warnings=tuple(cautions))


def return_errors(procedure: Procedure | None, channel: Channel) -> list[FieldError]:
    """Say when a result may not go by post because it must be collected."""
    if channel == "postal" and procedure is not None and procedure.must_collect:
        return [wrong("return_channel", "must_collect")]
    return []


def card_cautions(applicant: Applicant) -> list[Caution]:
    """Compare a citizen number with year and gender; a difference only warns."""
    if applicant.id_number is None or (applicant.date_of_birth or applicant.gender) is None:
        return []
    born = applicant.date_of_birth
    found = differences(
        applicant.id_number, birth_year=born.year if born else None, gender=applicant.gender
    )
    return [
        caution("birth-year-differs", "applicant.date_of_birth")
        if difference == "birth_year"
        else caution("gender-differs", "applicant.gender")
        for difference in found
    ]


def caution(code: str, path: str = "", **values: object) -> Caution:
    """Return the warning `code` with its text."""
    return Caution(code, path, TEXTS[f"caution.{code}"].format(**values))


def item_cautions(item: str | None) -> list[Caution]:
    """Warn of an item number in the form of UPU S10 whose check digit is wrong: misread."""
    found = None if item is None else parse_item(item)
    return [caution("item-misread", "item")] if found and found.check == "wrong" else []


def address_cautions(channel: Channel, address: str | None, applicant: Applicant) -> list[Caution]:
    """Warn when a result is to go by post and nobody said where to."""
    if channel == "postal" and address is None and applicant.address is None:
        return [caution("address-missing", "return_address")]
    return []


def _procedure(facts: Facts, code: str) -> Procedure:
    procedure = facts.procedure(code)
    if procedure is None:
        text = TEXTS["refusal.procedure_unknown"].format(code=code)
        raise Refusal(
            "procedure-unknown", text, [FieldError("procedure_code", "procedure-unknown", text)]
        )
    return procedure


def _filed(command: ReceiveDossier, now: Moment) -> datetime:
    return now.local if command.paper is None else local(to_ms(command.paper.at))


def _paper_errors(
    paper: PaperEntryIn | None, filed: datetime, facts: Facts, now: Moment
) -> list[FieldError]:
    if paper is None:
        return []
    errors = []
    if filed > now.local and now.clock_state == "trusted":
        errors.append(wrong("paper.at", "paper_in_future"))
    if facts.owns_volume(paper.volume):
        errors.append(wrong("paper.volume", "paper_volume_leased", volume=paper.volume))
    elif facts.book_taken(filed.year, paper.volume, paper.number):
        errors.append(
            wrong(
                "paper.number",
                "paper_number_taken",
                number=paper.number,
                volume=paper.volume,
                year=filed.year,
            )
        )
    return errors


def _due(
    given: datetime | None,
    procedure: Procedure,
    filed: datetime,
    facts: Facts,
    errors: list[FieldError],
) -> datetime | None:
    """Work out the due time once; it is given by the clerk only where the catalogue has none."""
    if procedure.working_days is None:
        return given_due(given, filed, errors)
    if given is not None:
        errors.append(wrong("due_at", "due_fixed"))
    return due_time(filed, procedure.working_days, facts.calendar())


def given_due(given: datetime | None, after: datetime, errors: list[FieldError]) -> datetime | None:
    """Return a due time a clerk gave, in office time, to the second; it must lie after `after`."""
    if given is None:
        errors.append(wrong("due_at", "due_required", "due-required"))
        return None
    due_at = local(to_ms(given))
    if due_at <= after:
        errors.append(wrong("due_at", "due_not_later", after=after.isoformat()))
    return due_at


def _numbers(
    paper: PaperEntryIn | None, field: str, days: Days, facts: Facts, cautions: list[Caution]
) -> Numbers:
    """Give the next leased code of the day, and the next place in the register.

    A paper entry brings its place with it.
    """
    code = None
    if days.code is not None:
        offer = facts.number(days.code, field)
        code = None if offer is None else offer.code
    if paper is not None:
        return Numbers(code, BookRef(days.book.year, paper.volume, paper.number))
    book = facts.book(days.book)
    if book is None:
        cautions.append(caution("book-missing"))
    return Numbers(code, book)


def _code_cautions(code: str | None, warnings: Iterable[LeaseWarning]) -> list[Caution]:
    """Say that no code could be given, and whether today's are about to run out."""
    missing = [caution("code-missing")] if code is None else []
    return missing + [
        caution(low.code, days=low.working_days_left, left=low.left_today) for low in warnings
    ]


def _days(on_paper: bool, day: date, facts: Facts, now: Moment, cautions: list[Caution]) -> Days:
    """Say which days the numbers bear.

    A clock that is not trusted and stands before what was recorded, or that is in doubt and that
    nobody has confirmed, gives no code: its date would be wrong on paper for ever. The register
    goes on in the year it is in.
    """
    if now.clock_state == "trusted":
        return Days(day, day)
    cautions.append(caution("clock-unsure"))
    if on_paper or facts.latest_at_ms is None:
        return Days(day, day)
    newest = office_day(facts.latest_at_ms)
    if newest <= day and not now.is_doubtful:
        return Days(day, day)
    cautions.append(caution("code-withheld"))
    return Days(None, newest)


def _cautions(command: ReceiveDossier, procedure: Procedure, facts: Facts) -> list[Caution]:
    applicant = command.applicant
    found = card_cautions(applicant)
    if command.channel not in procedure.channels:
        found.append(caution("channel-unlisted", "channel"))
    if command.return_channel not in procedure.return_channels:
        found.append(caution("channel-unlisted", "return_channel"))
    found += item_cautions(command.item)
    found += address_cautions(command.return_channel, command.return_address, applicant)
    if applicant.id_number is not None:
        ref = facts.open_dossier_of(applicant.id_number, command.procedure_code)
        if ref is not None:
            found.append(caution("open-dossier", "applicant.id_number", ref=ref))
    return found
