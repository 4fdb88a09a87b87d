"""A dossier as it stands after its events: the state machine and the one fold.

`evolve` is used by the agent's views, by the province's projections and by every rebuild, so all
of them say the same. The machine is drawn in docs/state-machines/dossier.mmd; its rules are the
table of docs/domain.md "Dossier". Events are never refused here, whoever wrote them: what clashes
with where the dossier is, or with what the province did to a dossier it holds while the office did
not know, leaves it there and is kept beside it for a person (`records.conflicts`).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from records import conflicts, corrections
from records.codes import parse_book_ref
from records.conflicts import Said
from records.desk_events import (
    ConflictSettled,
    DossierAssigned,
    DossierProgressed,
    NumbersMapped,
    State,
)
from records.documents import with_attached
from records.dossier_stand import ANY, ENDED, OPEN, WORKED_ON, Dossier, Outcome
from records.due import is_overdue, lateness
from records.moment import local, to_ms
from records.office_events import (
    ConflictResolved,
    DossierCorrected,
    DossierExtended,
    DossierForwarded,
    DossierReceived,
    DossierReturned,
    DossierSupplemented,
    FeePaid,
    PostalMarked,
    ReturnChanged,
)
from records.values import ReturnedBy
from wire.problems import Refusal

__all__ = [
    "ALLOWED", "ANY", "BY_POST", "ENDED", "EVENT_OF", "OPEN", "WORKED_ON", "Dossier", "Outcome",
    "evolve", "force", "is_late", "next_commands",
]  # fmt: skip

ALLOWED: Mapping[str, frozenset[State]] = MappingProxyType(
    {
        "dossier.request_supplement": WORKED_ON,
        "dossier.supplement": frozenset({"supplement_requested"}),
        "dossier.forward": WORKED_ON,
        "dossier.resolve": WORKED_ON,
        "dossier.refuse": OPEN,
        "dossier.stop": OPEN,
        "dossier.withdraw": OPEN,
        "dossier.extend": WORKED_ON,
        "dossier.change_return": ANY - {"returned"},
        "dossier.pay": ANY,
        "dossier.correct": ANY,
        "document.attach": ANY,
        "dossier.return": ENDED,
    }
)
"""From which states each command is possible."""

EVENT_OF: Mapping[str, str] = MappingProxyType(
    {
        "dossier.receive": "dossier.received",
        "dossier.decline": "dossier.declined",
        "dossier.request_supplement": "dossier.supplement_requested",
        "dossier.supplement": "dossier.supplemented",
        "dossier.forward": "dossier.forwarded",
        "dossier.resolve": "dossier.resolved",
        "dossier.refuse": "dossier.refused",
        "dossier.stop": "dossier.stopped",
        "dossier.withdraw": "dossier.withdrawn",
        "dossier.extend": "dossier.extended",
        "dossier.change_return": "dossier.return_changed",
        "dossier.pay": "dossier.paid",
        "dossier.correct": "dossier.corrected",
        "document.attach": "document.attached",
        "dossier.return": "dossier.returned",
    }
)
"""The kind of event each command becomes."""

BY_POST: frozenset[ReturnedBy] = frozenset({"postal", "official_mail"})
"""Ways of giving back that leave the result on its way."""


def is_late(dossier: Dossier, now_ms: int) -> bool:
    """Tell whether it ended after the date it was due on, or is still open after it."""
    if dossier.due_at_ms is None:
        return False
    if dossier.ended_at_ms is not None:
        return lateness(local(dossier.due_at_ms), local(dossier.ended_at_ms)) == "late"
    return is_overdue(local(dossier.due_at_ms), local(now_ms))


def next_commands(dossier: Dossier) -> tuple[str, ...]:
    """Return the commands that are possible now, in the order of the table."""
    return tuple(
        command
        for command, states in ALLOWED.items()
        if dossier.state in states and not (command == "dossier.extend" and dossier.extended)
    )


def evolve(
    dossier: Dossier | None, kind: str, body: Struct, at_ms: int, said: Said | None = None
) -> Dossier:
    """Return the dossier after one more event; `at_ms` is the time the event bears.

    Kinds that tell of a dossier without changing it, and kinds of a later version, leave it as
    it is. `said`: who says it; without that its author knew everything that is folded.

    Raises:
        Refusal: `dossier-unknown` when the first event known of it does not create it.
        msgspec.ValidationError: a `dossier.corrected` of a later version sets what is no value.
    """
    if kind in _CREATING:
        return dossier if dossier is not None else _received(body, at_ms)
    if dossier is None:
        raise Refusal("dossier-unknown")
    step = _STEPS.get(kind)
    if step is None:
        return dossier
    before = conflicts.known(dossier, kind, said)
    after = None if conflicts.crossed(before, kind) else step(before, body, at_ms)
    if after is None:
        wished = force(before, kind, body, at_ms)
        return conflicts.kept(before, wished, kind, body, at_ms, said)
    return conflicts.marked(before, after, kind, body, at_ms, said)


def force(dossier: Dossier, kind: str, body: Struct, at_ms: int) -> Dossier:
    """Return what an event would make of a dossier wherever that stands: a person wants it so."""
    return _FORCED[kind](dossier, body, at_ms)


def _received(body: Any, at_ms: int) -> Dossier:
    if not isinstance(body, DossierReceived):
        raise TypeError(f"a dossier is not made of {type(body).__name__}")
    filed, holder = at_ms, "office"
    if isinstance(body, DossierAssigned):
        holder = body.holder
        filed = _ms(body.received_at) or at_ms
    elif body.paper is not None:
        filed = to_ms(body.paper.at)
    book = parse_book_ref(body.book) if body.book else None
    due_at_ms = _ms(body.due_at)
    return Dossier(
        procedure_code=body.procedure_code,
        version=body.version,
        holder="province" if holder == "province" else "office",
        channel=body.channel,
        return_channel=body.return_channel,
        return_address=body.return_address,
        received_at_ms=filed,
        first_due_at_ms=due_at_ms,
        due_at_ms=due_at_ms,
        applicant=body.applicant,
        proxy=body.proxy,
        documents=body.documents or (),
        sets=body.sets,
        summary=body.summary,
        note=body.note,
        pages=body.pages,
        copies=body.copies,
        urgent=body.urgent,
        overridden=body.override is not None,
        code=body.code,
        book_year=book.year if book else None,
        volume=book.volume if book else None,
        number=book.number if book else None,
        fees_due_vnd=body.fees_due_vnd,
    )


def _ms(at: datetime | None) -> int | None:
    return None if at is None else to_ms(at)


Step = Callable[[Dossier, Any, int], Dossier]
Guarded = Callable[[Dossier, Any, int], Dossier | None]
"""A step that answers None where the event clashes with where the dossier is."""


def _only_from(command: str, step: Step) -> Guarded:
    """Let an event work only where its command is possible."""
    states = ALLOWED[command]

    def guarded(dossier: Dossier, body: Any, at_ms: int) -> Dossier | None:
        return step(dossier, body, at_ms) if dossier.state in states else None

    return guarded


def _supplement_requested(dossier: Dossier, _body: Any, _at_ms: int) -> Dossier:
    return replace(
        dossier,
        state="supplement_requested",
        before=dossier.state,
        due_at_ms=None,
        supplement_rounds=dossier.supplement_rounds + 1,
    )


def _supplemented(dossier: Dossier, body: DossierSupplemented, _at_ms: int) -> Dossier:
    return replace(
        dossier,
        state=dossier.before or "received",
        before=None,
        due_at_ms=_ms(body.due_at),
        documents=dossier.documents + body.documents,
    )


def _forwarded(dossier: Dossier, body: DossierForwarded, _at_ms: int) -> Dossier:
    return replace(dossier, state="forwarded", holder=body.holder)


def _ended(outcome: Outcome) -> Step:
    def step(dossier: Dossier, _body: Any, at_ms: int) -> Dossier:
        return _end(dossier, outcome, at_ms)

    return step


def _end(dossier: Dossier, outcome: Outcome, at_ms: int) -> Dossier:
    immediate = outcome == "resolved" and dossier.state == "received"
    return replace(
        dossier, state=outcome, before=None, outcome=outcome, ended_at_ms=at_ms, immediate=immediate
    )


def _extended(dossier: Dossier, body: DossierExtended, _at_ms: int) -> Dossier:
    return replace(dossier, due_at_ms=to_ms(body.due_at), extended=True)


def _return_changed(dossier: Dossier, body: ReturnChanged, _at_ms: int) -> Dossier:
    return replace(dossier, return_channel=body.return_channel, return_address=body.return_address)


def _paid(dossier: Dossier, body: FeePaid, _at_ms: int) -> Dossier:
    return replace(dossier, fees_paid_vnd=dossier.fees_paid_vnd + body.amount_vnd)


def _corrected(dossier: Dossier, body: DossierCorrected, _at_ms: int) -> Dossier:
    changes = corrections.applied(body.set, dossier.applicant, dossier.proxy)
    if body.fees_due_vnd is not None:
        changes["fees_due_vnd"] = body.fees_due_vnd
    return replace(dossier, **changes)


def _returned(dossier: Dossier, body: DossierReturned, at_ms: int) -> Dossier:
    if body.by in BY_POST:
        return replace(dossier, state="in_post", before=dossier.state, returned_by=body.by)
    return replace(dossier, state="returned", returned_at_ms=at_ms, returned_by=body.by)


def _marked(dossier: Dossier, body: PostalMarked, at_ms: int) -> Dossier | None:
    return _post_says(dossier, body, at_ms) if dossier.state == "in_post" else None


def _post_says(dossier: Dossier, body: PostalMarked, at_ms: int) -> Dossier:
    if body.state == "delivered":
        delivered_at_ms = _ms(body.at) or at_ms
        return replace(dossier, state="returned", before=None, returned_at_ms=delivered_at_ms)
    return replace(
        dossier,
        state=dossier.before or "resolved",
        before=None,
        returned_by=None,
        problems=dossier.problems + (body.state != "came_back"),
    )


def _mapped(dossier: Dossier, body: NumbersMapped, at_ms: int) -> Dossier | None:
    if dossier.code is not None and dossier.code != body.code:
        return None
    return _coded(dossier, body, at_ms)


def _settled(dossier: Dossier, body: ConflictResolved | ConflictSettled, _at_ms: int) -> Dossier:
    return conflicts.settled(dossier, body, force)


def _coded(dossier: Dossier, body: NumbersMapped, _at_ms: int) -> Dossier:
    return replace(dossier, code=body.code)


def _progressed(dossier: Dossier, body: DossierProgressed, at_ms: int) -> Dossier | None:
    """Take what the province did: its word on the state counts while it holds the dossier."""
    if dossier.holder == "office":
        changed = body.state is not None and body.state != dossier.state
        return None if changed or body.holder == "province" else dossier
    return _province_says(dossier, body, at_ms)


def _province_says(dossier: Dossier, body: DossierProgressed, at_ms: int) -> Dossier:
    handed = replace(dossier, holder=body.holder or dossier.holder)
    if body.state is None or body.state == dossier.state:
        return handed
    return _set_state(handed, body.state, _ms(body.at) or at_ms)


def _set_state(dossier: Dossier, state: State, at_ms: int) -> Dossier:
    match state:
        case "resolved" | "refused" | "stopped" | "withdrawn":
            return _end(_not_returned(dossier), state, at_ms)
        case "supplement_requested":
            before = dossier.state if dossier.state in WORKED_ON else "forwarded"
            return _supplement_requested(replace(_reopened(dossier), state=before), None, at_ms)
        case "in_post":
            ended = _not_returned(_with_result(dossier, at_ms))
            return replace(ended, state=state, before=ended.outcome, returned_by="postal")
        case "returned":
            ended = _with_result(dossier, at_ms)
            return replace(ended, state=state, before=None, returned_at_ms=at_ms)
        case _:
            return replace(_reopened(dossier), state=state, before=None)


def _with_result(dossier: Dossier, at_ms: int) -> Dossier:
    """Let a result that is given back, or on its way, be there: nobody may have said so before."""
    return dossier if dossier.outcome is not None else _end(dossier, "resolved", at_ms)


def _not_returned(dossier: Dossier) -> Dossier:
    return replace(dossier, returned_at_ms=None, returned_by=None)


def _reopened(dossier: Dossier) -> Dossier:
    """Return a dossier to work: how and when it had ended no longer holds."""
    return _not_returned(replace(dossier, outcome=None, ended_at_ms=None, immediate=False))


_CREATING = frozenset({"dossier.received", "dossier.assigned"})

_GUARDED: Mapping[str, Step] = {
    "dossier.request_supplement": _supplement_requested,
    "dossier.supplement": _supplemented,
    "dossier.forward": _forwarded,
    "dossier.resolve": _ended("resolved"),
    "dossier.refuse": _ended("refused"),
    "dossier.stop": _ended("stopped"),
    "dossier.withdraw": _ended("withdrawn"),
    "dossier.extend": _extended,
    "dossier.change_return": _return_changed,
    "dossier.pay": _paid,
    "dossier.correct": _corrected,
    "dossier.return": _returned,
    "document.attach": lambda dossier, body, _at_ms: replace(
        dossier, attached=with_attached(dossier.attached, body)
    ),
}

_STEPS: Mapping[str, Guarded] = MappingProxyType(
    {EVENT_OF[command]: _only_from(command, step) for command, step in _GUARDED.items()}
    | {
        "postal.marked": _marked,
        "numbers.mapped": _mapped,
        "dossier.progressed": _progressed,
        "conflict.resolved": _settled,
        "conflict.settled": _settled,
    }
)
_FORCED: Mapping[str, Step] = MappingProxyType(
    {EVENT_OF[command]: step for command, step in _GUARDED.items()}
    | {
        "postal.marked": _post_says,
        "numbers.mapped": _coded,
        "dossier.progressed": _province_says,
    }
)
