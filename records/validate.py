"""Rules of a command that one member's type does not say.

Each check takes what could be read: a member that is wrong already is None here, and so is an item
of a list. A path is spelt only when something is wrong, which keeps the usual case fast.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct

from records.command_types import (
    ApplicantIn,
    CheckIn,
    CheckOut,
    Command,
    CorrectDossier,
    DeclineDossier,
    ExtendDossier,
    ProxyIn,
    ReceiveDossier,
    ReturnDossier,
    SupplementDossier,
    VisitorIn,
)
from records.corrections import BOOK, CORRECTABLE, book_place
from records.person_numbers import is_id_of, is_id_of_any, is_person_id, is_phone
from records.reading import info_of, member, read
from records.texts import wrong
from records.values import Applicant, IdKind
from wire.problems import FieldError

YEARS = range(2000, 2200)
"""Years a due time or a paper entry can lie in; what is outside is a slip, and breaks calendars."""
BORN_YEAR_MIN = 1900
SEVERAL_LINES = frozenset({"reason", "note", "summary"})
"""Members in which a line may end."""

_ID_TEXTS: Mapping[IdKind | None, str] = MappingProxyType(
    {
        None: "id_of_unknown_kind",
        "cccd": "not_cccd",
        "cmnd": "not_cmnd",
        "passport": "not_passport",
        "org": "not_organisation",
        "none": "id_without_kind",
    }
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")

Errors = list[FieldError]


def check(command: Command, today: date) -> Errors:
    """Return every place where a command breaks a rule; `today` bounds dates of birth."""
    errors: Errors = []
    rule = _RULES.get(type(command))
    if rule is not None:
        rule(command, today, errors)
    return errors


def check_texts(value: Any, path: str, errors: Errors, *, several_lines: bool = False) -> None:
    """Find texts that are blank or hold characters nobody can see, wherever they stand."""
    match value:
        case str():
            if not value.strip():
                errors.append(wrong(path, "blank"))
            elif not _is_clean(value, several_lines=several_lines):
                errors.append(wrong(path, "bad_characters"))
        case Struct():
            for field in msgspec.structs.fields(value):
                name = field.encode_name
                place = member(path, name)
                lines = name in SEVERAL_LINES
                check_texts(getattr(value, field.name), place, errors, several_lines=lines)
        case tuple():
            for index, item in enumerate(value):
                check_texts(item, f"{path}[{index}]", errors)
        case dict():
            for name, item in value.items():
                lines = name in SEVERAL_LINES
                check_texts(item, member(path, name), errors, several_lines=lines)
        case _:
            pass


def _is_clean(text: str, *, several_lines: bool) -> bool:
    if several_lines:
        text = text.replace("\n", "").replace("\r", "").replace("\t", "")
    # str.isprintable knows the Unicode database; blanks that are not U+0020 are no harm.
    return text.isprintable() or "".join(text.split(" ")).translate(_BLANKS).isprintable()


_BLANKS = {
    ord(blank): None for blank in "\u00a0\u2002\u2003\u2009\u202f\u3000\u200b\u200c\u200d\ufeff"
}


def _applicant(applicant: ApplicantIn, path: str, today: date, errors: Errors) -> None:
    errors.extend(id_errors(applicant, member(path, "id_number")))
    _contact(applicant, path, errors)
    _born(applicant.date_of_birth, path, today, errors)


def id_errors(applicant: Applicant, path: str) -> Errors:
    """Say at `path` when an applicant's number has not the shape of its kind."""
    number, kind = applicant.id_number, applicant.id_kind
    if number is None or is_id_of(kind, number):
        return []
    return [wrong(path, _ID_TEXTS[kind])]


def _contact(person: ApplicantIn | ProxyIn, path: str, errors: Errors) -> None:
    _phone(person.phone, path, errors)
    if person.email is not None and _EMAIL.fullmatch(person.email) is None:
        errors.append(wrong(member(path, "email"), "not_email"))


def _phone(phone: str | None, path: str, errors: Errors) -> None:
    if phone is not None and not is_phone(phone):
        errors.append(wrong(member(path, "phone"), "not_phone"))


def _born(day: date | None, path: str, today: date, errors: Errors) -> None:
    if day is None:
        return
    if day > today:
        errors.append(wrong(member(path, "date_of_birth"), "born_in_future"))
    elif day.year < BORN_YEAR_MIN:
        errors.append(wrong(member(path, "date_of_birth"), "born_too_early"))


def _person_id(number: str | None, path: str, errors: Errors) -> None:
    if number is not None and not is_person_id(number):
        errors.append(wrong(member(path, "id_number"), "not_person_id"))


def _proxy(proxy: ProxyIn, path: str, errors: Errors) -> None:
    _person_id(proxy.id_number, path, errors)
    _contact(proxy, path, errors)


def _visitor(visitor: VisitorIn, path: str, today: date, errors: Errors) -> None:
    if _is_nobody(visitor):
        errors.append(wrong(path, "nobody", "field-missing"))
    _person_id(visitor.id_number, path, errors)
    _phone(visitor.phone, path, errors)
    _born(visitor.date_of_birth, path, today, errors)


def fitting(visitor: VisitorIn, today: date) -> VisitorIn | None:
    """Return a visitor as a scan names them, without the members that a command may not hold.

    None when nobody is left: a name too long or a number of no known shape costs that member, not
    the visit.
    """
    errors: Errors = []
    good: VisitorIn = read(msgspec.to_builtins(visitor), info_of(VisitorIn), "", errors)
    _visitor(good, "", today, errors)
    wrong_paths = {error.path for error in errors}
    left_out = {
        field.name: None
        for field in msgspec.structs.fields(VisitorIn)
        if field.encode_name in wrong_paths
    }
    left = msgspec.structs.replace(good, **left_out)
    return None if _is_nobody(left) else left


def _is_nobody(visitor: VisitorIn) -> bool:
    known = (visitor.full_name, visitor.id_number, visitor.phone, visitor.pass_id)
    return all(member is None for member in known)


def _time(at: datetime | None, path: str, errors: Errors) -> None:
    if at is not None and at.year not in YEARS:
        errors.append(wrong(path, "out_of_range", min=YEARS[0], max=YEARS[-1]))


def _receive(command: ReceiveDossier, today: date, errors: Errors) -> None:
    if command.applicant is not None:
        _applicant(command.applicant, "applicant", today, errors)
    if command.proxy is not None:
        _proxy(command.proxy, "proxy", errors)
    if command.paper is not None:
        _time(command.paper.at, "paper.at", errors)
    _time(command.due_at, "due_at", errors)


def _decline(command: DeclineDossier, today: date, errors: Errors) -> None:
    if command.applicant is not None:
        _applicant(command.applicant, "applicant", today, errors)


def _due(command: SupplementDossier | ExtendDossier, _today: date, errors: Errors) -> None:
    _time(command.due_at, "due_at", errors)


def _return(command: ReturnDossier, _today: date, errors: Errors) -> None:
    if command.to is not None:
        _person_id(command.to.id_number, "to", errors)


def _correct(command: CorrectDossier, today: date, errors: Errors) -> None:
    """Check each value as the member it corrects, and the parts as the wholes they belong to."""
    parts: dict[str, dict[str, Any]] = {}
    for path, value in (command.set or {}).items():
        place = f"set.{path}"
        if path not in CORRECTABLE:
            errors.append(wrong(place, "not_correctable", "field-unknown"))
            continue
        good = read(value, info_of(CORRECTABLE[path]), place, errors)
        if path == BOOK and book_place(value) is None:
            errors.append(wrong(place, "no_book_place"))
        head, _, name = path.rpartition(".")
        parts.setdefault(head, {})[name] = good
    nameless: dict[str, Any] = {"full_name": None, "paper": None}
    if "applicant" in parts:
        _correct_applicant(parts["applicant"], today, errors)
    if "proxy" in parts:
        _proxy(ProxyIn(**nameless | parts["proxy"]), "set.proxy", errors)


def _correct_applicant(part: dict[str, Any], today: date, errors: Errors) -> None:
    """Check what can be checked without the dossier: its own kind judges a number that is alone.

    `records.decide_dossier` looks at the corrected whole.
    """
    applicant = ApplicantIn(**{"full_name": None} | part)
    number = applicant.id_number
    if "id_kind" in part:
        errors.extend(id_errors(applicant, "set.applicant.id_number"))
    elif number is not None and not is_id_of_any(number):
        errors.append(wrong("set.applicant.id_number", "id_of_unknown_kind"))
    _contact(applicant, "set.applicant", errors)
    _born(applicant.date_of_birth, "set.applicant", today, errors)


def _check_in(command: CheckIn, today: date, errors: Errors) -> None:
    if command.visitor is not None:
        _visitor(command.visitor, "visitor", today, errors)
    celsius = command.temperature_c
    if celsius is not None and abs(celsius * 10 - round(celsius * 10)) > 1e-6:
        errors.append(wrong("temperature_c", "not_one_decimal"))


def _check_out(command: CheckOut, today: date, errors: Errors) -> None:
    if (command.visit is None) == (command.visitor is None):
        key = "field-missing" if command.visit is None else "field-invalid"
        errors.append(wrong("visit", "visit_or_visitor", key))
    if command.visitor is not None:
        _visitor(command.visitor, "visitor", today, errors)


_RULES: Mapping[type[Struct], Callable[[Any, date, Errors], None]] = MappingProxyType(
    {
        ReceiveDossier: _receive,
        DeclineDossier: _decline,
        SupplementDossier: _due,
        ExtendDossier: _due,
        ReturnDossier: _return,
        CorrectDossier: _correct,
        CheckIn: _check_in,
        CheckOut: _check_out,
    }
)
