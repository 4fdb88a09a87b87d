"""What office and province both changed, or wanted to: kept beside each other for a person.

The office works while its line is down, and the province says something about the same dossier
meanwhile. Changes of other parts merge by themselves. Where both name state, holder, code or due
time, the holder's value stands and the other is kept, with its author and time, until somebody
says which holds (`conflict.resolved` in the office, `conflict.settled` in the province). Both
ends fold the same events in the same order (`records.told_order`), so they keep the same.

An office event shows with `seen` that its author knew what the province said last (docs/protocol.md
section 3); without it, what moves a dossier that the province holds and has moved itself crossed
the province's word on the line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from records.desk_events import DESK_BODIES
from records.events import decode_body
from records.moment import local
from records.values import Holder
from wire.chain import event_id

if TYPE_CHECKING:
    from records.dossier_stand import Dossier

ConflictField = Literal["state", "holder", "code", "due_at", "return_channel"]

MOVING: Final = frozenset(
    {
        "dossier.supplement_requested",
        "dossier.supplemented",
        "dossier.forwarded",
        "dossier.resolved",
        "dossier.refused",
        "dossier.stopped",
        "dossier.withdrawn",
        "dossier.returned",
        "postal.marked",
    }
)
"""Office events that change where a dossier is."""
_MEMBERS: Final[tuple[tuple[ConflictField, str], ...]] = (
    ("state", "state"),
    ("holder", "holder"),
    ("code", "code"),
    ("due_at", "due_at_ms"),
    ("return_channel", "return_channel"),
)
"""What can be in conflict, the weightier first, and the member of a dossier that holds it."""

Force = Callable[["Dossier", str, Struct, int], "Dossier"]
"""`records.dossier.force`."""


class Said(Struct, frozen=True):
    """Who says an event: its hash in its chain, its actor, and its `seen`."""

    hash: bytes
    by: str
    seen: int | str | None = None

    @property
    def id(self) -> str:
        """The event's id, as events and people name it."""
        return str(event_id(self.hash))


class Mark(Struct, frozen=True):
    """Whose value it is, by whom, since when."""

    side: Holder
    by: str | None
    at_ms: int


class Kept(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One open conflict: `id` is that of the event whose value was not taken.

    `field` is what both name; `stands` holds now and `other` is what the event of `kind` wanted,
    both as text. `mark` says whose the other is, `stood` whose the one that stands, as far as that
    is known. `body` is the event's, as JSON: with it the event can still be let work.
    """

    id: str
    kind: str
    field: ConflictField
    stands: str | None
    other: str | None
    mark: Mark
    stood: Mark | None = None
    body: bytes


def known(dossier: Dossier, kind: str, said: Said | None) -> Dossier:
    """Note what the author of an office event knew of the province's words."""
    if not dossier.unseen or kind in DESK_BODIES:
        return dossier
    if said is None or said.seen in dossier.unseen:
        return replace(dossier, unseen=())
    return dossier


def crossed(dossier: Dossier, kind: str) -> bool:
    """Tell whether an office event moves what the province, its holder, has moved unseen."""
    return bool(dossier.unseen) and dossier.holder == "province" and kind in MOVING


def marked(  # noqa: PLR0917 - one event and what it made
    before: Dossier, after: Dossier, kind: str, body: Struct, at_ms: int, said: Said | None
) -> Dossier:
    """Return the dossier `after` an event that worked, with who moved it and who knows of it."""
    if (after.state, after.holder) == (before.state, before.holder):
        return _unseen_too(after, kind, said)
    by_province = kind in DESK_BODIES
    unseen = (said.id,) if by_province and said is not None else ()
    return replace(after, moved=_mark(kind, body, at_ms, said), unseen=unseen)


def kept(  # noqa: PLR0917 - one event and what it wanted
    before: Dossier, wished: Dossier, kind: str, body: Struct, at_ms: int, said: Said | None
) -> Dossier:
    """Return a dossier as it was, with what an event wanted to make of it kept beside it."""
    differing = (pair for pair in _MEMBERS if getattr(before, pair[1]) != getattr(wished, pair[1]))
    name, member = next(differing, _MEMBERS[0])  # none: both say the same, each in its own way
    one = Kept(
        id="" if said is None else said.id,
        kind=kind,
        field=name,
        stands=_text(getattr(before, member)),
        other=_text(getattr(wished, member)),
        mark=_mark(kind, body, at_ms, said),
        stood=before.moved if name in {"state", "holder"} else None,
        body=msgspec.json.encode(body),
    )
    return _unseen_too(replace(before, kept=(*before.kept, one)), kind, said)


def settled(dossier: Dossier, body: Any, force: Force) -> Dossier:
    """Return a dossier after somebody said which value holds.

    A conflict that is open no more, or not known, changes nothing: the first word counts. What
    does not come from `keep` is dropped; what was kept from there works now as it would have.
    """
    found = next((one for one in dossier.kept if one.id == body.conflict), None)
    if found is None:
        return dossier
    rest = replace(dossier, kept=tuple(one for one in dossier.kept if one is not found))
    if body.keep != found.mark.side:
        return rest
    return force(rest, found.kind, decode_body(found.kind, found.body), found.mark.at_ms)


def _unseen_too(dossier: Dossier, kind: str, said: Said | None) -> Dossier:
    """Whoever knows a later word of the province knows the earlier ones: its id counts too."""
    if not dossier.unseen or said is None or kind not in DESK_BODIES:
        return dossier
    return replace(dossier, unseen=(*dossier.unseen, said.id))


def _mark(kind: str, body: Struct, at_ms: int, said: Said | None) -> Mark:
    if kind in DESK_BODIES:
        by = getattr(body, "by", None) or (None if said is None else said.by)
        return Mark("province", by, at_ms)
    return Mark("office", None if said is None else said.by, at_ms)


def _text(value: object) -> str | None:
    if isinstance(value, int):
        return local(value).isoformat()
    return None if value is None else str(value)
