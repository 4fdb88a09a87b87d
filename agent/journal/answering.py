"""Which problems a new own event answers (docs/protocol.md section 5).

The province keeps an event it cannot use and names it; people are shown that until an event
written afterwards answers it: one about the same dossier or visit, or one that names the event
with `again`. What was recorded before anybody knew of the problem answers nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from agent.journal.database import Connection
from wire import chain
from wire import event as wire_event
from wire.event import Event
from wire.problems import Malformed

OPEN = (
    "SELECT p.no, e.seq, e.hash, e.body FROM problem p"
    " JOIN event e ON e.journal = p.journal AND e.seq = p.seq WHERE p.journal = ? AND p.seq < ?"
)


class _Open(NamedTuple):
    """A problem that is still shown, with the event it is about; `body` is None once forgotten."""

    no: int
    seq: int
    hash: bytes
    body: bytes | None


def answer(conn: Connection, journal: int, seq: int, event: Event) -> None:
    """Forget the problems that `event`, appended to the office journal just now, answers."""
    if event.subject is None and event.again is None:
        return
    found = [_Open(*row) for row in conn.execute(OPEN, (journal, seq)).fetchall()]
    answered = [problem.no for problem in found if _answers(event, problem)]
    _forget(conn, answered)


def _answers(event: Event, problem: _Open) -> bool:
    if event.again is not None and _is_id(event.again, problem.hash):
        return True
    subject = event.subject
    if subject is None:
        return False
    if subject == problem.seq or (isinstance(subject, str) and _is_id(subject, problem.hash)):
        return True  # the event that created what is told of
    return subject == _subject(problem.body)


def _is_id(text: str, hash_: bytes) -> bool:
    try:
        return UUID(text) == chain.event_id(hash_)
    except ValueError:
        return False


def _subject(body: bytes | None) -> int | str | None:
    try:
        return None if body is None else wire_event.decode(body).subject
    except Malformed:
        return None


def _forget(conn: Connection, numbers: Sequence[int]) -> None:
    conn.executemany("DELETE FROM problem WHERE no = ?", [(number,) for number in numbers])
