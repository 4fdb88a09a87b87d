"""Deciding about somebody who comes in or leaves."""

from records.command_types import CheckIn, CheckOut, VisitorIn
from records.decide_receive import caution
from records.decision import Caution, Decision, Facts, FoundVisit, NewEvent
from records.moment import Moment, local
from records.office_events import VisitCheckedIn, VisitCheckedOut
from records.texts import TEXTS
from records.visits import is_inside_today, is_repeat, is_suspected, person_key
from wire.problems import FieldError, Refusal


def check_in(command: CheckIn, facts: Facts, now: Moment) -> Decision:
    """Record that somebody comes in; whoever is in since less than 60 s gets that answer again.

    Whoever has left in between is coming in anew: they would stand inside and not be counted.
    """
    last = _last(command.visitor, facts)
    cautions: list[Caution] = []
    if last is not None:
        if last.visit.is_inside and is_repeat(last.visit.in_at_ms, now.now_ms):
            return _repeat(last)
        if is_inside_today(last.visit, now.now_ms) and last.visit.in_at_ms is not None:
            came = local(last.visit.in_at_ms).strftime("%H:%M")
            cautions.append(caution("visit-open", "visitor", time=came))
    body = VisitCheckedIn(
        visitor=command.visitor,
        method=command.method,
        person=command.person,
        room=command.room,
        purpose=command.purpose,
        temperature_c=command.temperature_c,
        symptoms=command.symptoms,
        declared_by=command.declared_by,
        override=command.override,
        suspected=is_suspected(command.temperature_c, command.symptoms, facts.temperature_max_c),
    )
    return Decision(
        events=(NewEvent("visit.checked_in", None, body, retained=True),),
        warnings=tuple(cautions),
    )


def check_out(command: CheckOut, facts: Facts, now: Moment) -> Decision:
    """Record that somebody leaves, also when nobody saw them come.

    Raises:
        Refusal: `visit-unknown`; `state-forbidden` when the visit named is over.
    """
    if command.visit is not None:
        return _leave_visit(command.visit, facts, now)
    visitor = command.visitor
    last = None if visitor is None else _last(visitor, facts)
    if last is not None:
        if is_inside_today(last.visit, now.now_ms):
            return _leave(last)
        if is_repeat(last.visit.out_at_ms, now.now_ms):
            return _repeat(last)
    body = VisitCheckedOut(visitor=visitor)
    return Decision(events=(NewEvent("visit.checked_out", None, body, retained=True),))


def _last(visitor: VisitorIn, facts: Facts) -> FoundVisit | None:
    person = person_key(visitor, facts.person_key)
    return None if person is None else facts.last_visit(person)


def _leave_visit(ref: str, facts: Facts, now: Moment) -> Decision:
    found = facts.visit(ref)
    if found is None:
        text = TEXTS["refusal.visit_unknown"].format(ref=ref)
        raise Refusal("visit-unknown", text, [FieldError("visit", "visit-unknown", text)])
    out_at_ms = found.visit.out_at_ms
    if out_at_ms is None:
        return _leave(found)
    if is_repeat(out_at_ms, now.now_ms):
        return _repeat(found)
    over = local(out_at_ms).isoformat()
    raise Refusal("state-forbidden", TEXTS["refusal.visit_over"].format(time=over))


def _leave(found: FoundVisit) -> Decision:
    event = NewEvent("visit.checked_out", found.ref, VisitCheckedOut(), retained=True)
    return Decision(events=(event,), subject=found.ref, id=found.id)


def _repeat(found: FoundVisit) -> Decision:
    return Decision(events=(), subject=found.ref, id=found.id, repeated_seq=found.seq)
