"""In which order both ends fold what an office recorded and what the province said meanwhile.

An office records while its line is down, and the province says something about the same dossier.
Each end hears the other's part later than its own. `dossier.progressed` and `conflict.settled` bear
`heard`, the seq of the office's journal up to which the province knew it; so they are folded behind
that event and before the office's next one, at both ends, and both come to the same dossier.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct

from records.desk_events import DESK_BODIES, ConflictSettled, DossierProgressed


class Arrived(NamedTuple):
    """One event about a dossier as it arrived: its kind, its seq in its journal, its body."""

    kind: str
    seq: int
    body: Struct | None


def in_order(arrived: Iterable[Arrived]) -> Sequence[int]:
    """Return the places (from 0) of events, in the order in which they are folded.

    The office's own stay in their order, the province's too; what says nothing of `heard` stays
    where it arrived.
    """
    keys: list[tuple[int, int]] = []
    own = 0
    for event in arrived:
        if event.kind not in DESK_BODIES:
            own = event.seq
            keys.append((own, 0))
        else:
            heard = heard_of(event.body)
            keys.append((own if heard is None else min(own, heard), 1))
    return sorted(range(len(keys)), key=keys.__getitem__)


def heard_of(body: Struct | None) -> int | None:
    """Return up to where the province knew the office when it said this; None: it does not say."""
    return body.heard if isinstance(body, DossierProgressed | ConflictSettled) else None
