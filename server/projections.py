"""From events to what they mean: dossiers and visits as they stand (`server.context.Projector`).

Everything here is worked out with the folds of `records`, the same as in the offices, and may be
dropped and built anew (`server.rebuilding`). An event that cannot be applied is a problem of that
event alone: it stays in its journal, and what it tells of stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from traceback import extract_tb

from sqlalchemy.ext.asyncio import AsyncConnection

from server import projected_documents, projected_dossiers, projected_visits
from server.projected_documents import Documents
from server.projected_dossiers import Dossiers
from server.projected_visits import Visits
from server.stored import StoredEvent
from wire.plaintext import Problem
from wire.problems import Refusal

Shelf = Dossiers | Visits | Documents


async def project(
    conn: AsyncConnection, office_id: bytes, events: Sequence[StoredEvent], /
) -> list[Problem]:
    """Apply events of one journal in order; return what could not be applied.

    A few statements a batch: what is touched is read once and written once.
    """
    groups: tuple[tuple[Shelf, list[StoredEvent]], ...] = (
        (Dossiers(office_id), _of(events, projected_dossiers.KINDS)),
        (Visits(office_id), _of(events, projected_visits.KINDS)),
        (Documents(office_id), _of(events, projected_documents.KINDS)),
    )
    problems: list[Problem] = []
    for shelf, own in groups:
        if own:
            await shelf.load(conn, own)
            problems += [problem for event in own if (problem := _fold(shelf, event))]
            await shelf.write(conn)
    return sorted(problems)


def _of(events: Sequence[StoredEvent], kinds: str | tuple[str, ...]) -> list[StoredEvent]:
    return [event for event in events if event.kind.startswith(kinds)]


def _fold(shelf: Shelf, event: StoredEvent) -> Problem | None:
    """Apply one event; whatever goes wrong is named without a word of what it holds."""
    if event.body is None:
        return None  # a kind of a later version: projected by a rebuild after the upgrade
    try:
        shelf.fold(event, event.body)
    except Refusal as refusal:
        return Problem(event.seq, "projection-failed", refusal.code)
    except Exception as error:  # noqa: BLE001 - whatever a fold does, the event stays
        where = extract_tb(error.__traceback__)[-1]
        detail = f"{type(error).__name__} in {where.name}, line {where.lineno}"
        return Problem(event.seq, "projection-failed", detail)
    return None
