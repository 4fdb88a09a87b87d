"""What a person should know of, or do something about, newest first."""

from typing import Final

import msgspec

from agent.journal.database import Connection
from agent.journal.succession import SUCCEEDED
from agent.views import conflicts, stored, twice
from records import present
from records.moment import local
from records.present import ConflictItem, ProblemItem, Severity
from wire.problems import CATALOGUE, ProblemType

UNNAMED: Final = "internal"
"""Stands for a code that a later version has written."""
CONFLICT: Final = "conflict-open"
TWICE: Final = "number-taken-twice"
FOR_A_PERSON: Final = frozenset({SUCCEEDED})
"""Codes of what is noted and asks somebody to look at dossiers."""
ROWS_MAX: Final = 500
REJECTED: Final = (
    "SELECT r.pos, r.code, b.body FROM rejected r JOIN event b ON b.pos = r.by_pos"
    " ORDER BY r.by_pos DESC LIMIT ?"
)
NOTED: Final = (
    "SELECT p.no, p.code, p.at_ms, e.pos FROM problem p"
    " LEFT JOIN event e ON e.journal = p.journal AND e.seq = p.seq ORDER BY p.no DESC LIMIT ?"
)


class ProblemList(msgspec.Struct, frozen=True):
    """Problems, newest first; there is no second page: more than 500 are one problem."""

    items: tuple[ProblemItem, ...]
    next: str | None


def problems(connection: Connection) -> ProblemList:
    """Return what the province sent back, what could not be shown or sent, and open conflicts."""
    items: list[ProblemItem] = []
    for pos, code, by in connection.execute(REJECTED, (ROWS_MAX,)).fetchall():
        since = msgspec.json.decode(by)["at"]
        items.append(_item(f"rejected-{pos}", code, _subject(connection, pos), since, "act"))
    for no, code, at_ms, pos in connection.execute(NOTED, (ROWS_MAX,)).fetchall():
        since = local(at_ms).isoformat()
        severity: Severity = "act" if code in FOR_A_PERSON else "warn"
        items.append(_item(f"noted-{no}", code, _subject(connection, pos), since, severity))
    for loaded, kept in conflicts.listed(connection):
        conflict = present.conflict_item(kept)
        since = local(kept.mark.at_ms).isoformat()
        subject = str(loaded.first.id)
        items.append(_item(f"conflict-{kept.id}", CONFLICT, subject, since, "act", conflict))
    for one in twice.listed(connection):
        shown = one.item
        last = shown.dossiers[-1]
        id_ = f"twice-{one.kind}-{last.id}"
        items.append(
            msgspec.structs.replace(_item(id_, TWICE, last.id, last.at, "act"), twice=shown)
        )
    items.sort(key=lambda item: item.since, reverse=True)
    return ProblemList(tuple(items[:ROWS_MAX]), None)


def _item(  # noqa: PLR0917 - the members of one problem
    id_: str,
    code: str,
    subject: str | None,
    since: str,
    severity: Severity,
    conflict: ConflictItem | None = None,
) -> ProblemItem:
    known: ProblemType = CATALOGUE.get(code) or CATALOGUE[UNNAMED]
    return ProblemItem(
        id=id_,
        code=code,
        severity=severity,
        title=known.title,
        action=known.remedy,
        subject=subject,
        since=since,
        conflict=conflict,
    )


def _subject(connection: Connection, pos: int | None) -> str | None:
    """Return the id of what an event tells of: its own, when it tells of nothing before it."""
    event = None if pos is None else stored.at(connection, pos)
    if event is None:
        return None
    read = stored.read(event)
    subject = None if read is None else read.event.subject
    if isinstance(subject, int):
        before = stored.pos_of(connection, event.journal, subject)
        event = (None if before is None else stored.at(connection, before)) or event
    return subject if isinstance(subject, str) else str(event.id)
