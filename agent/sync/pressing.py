"""Which records do not wait for a cheaper hour.

A dossier that was taken in as urgent, and a visitor with symptoms: the first may have a term of
hours, of the second somebody must hear while the visitor can still be found.
"""

from __future__ import annotations

from typing import Final

import msgspec

from agent.journal.database import Connection

KINDS: Final = frozenset({"dossier.received", "visit.checked_in"})
_UNSENT: Final = "SELECT body FROM event WHERE journal = ? AND seq > ? AND body IS NOT NULL"


class _Body(msgspec.Struct):
    urgent: bool = False
    symptoms: tuple[str, ...] | None = None


class _Event(msgspec.Struct):
    kind: str
    body: _Body


class _Kind(msgspec.Struct):
    kind: str


def is_pressing(event: bytes) -> bool:
    """Whether this event goes at once whatever was spent today."""
    try:
        if msgspec.json.decode(event, type=_Kind).kind not in KINDS:
            return False
        body = msgspec.json.decode(event, type=_Event).body
    except msgspec.DecodeError:  # of another version, or poison: it goes with the others
        return False
    return body.urgent or bool(body.symptoms)


def any_pressing(connection: Connection, journal: int, after: int) -> bool:
    """Whether a pressing event stands behind `after`. Called on a reader's thread."""
    rows = connection.execute(_UNSENT, (journal, after))
    try:
        return any(is_pressing(body) for (body,) in rows)
    finally:
        rows.close()
