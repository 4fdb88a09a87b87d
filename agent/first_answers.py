"""The first answer to a command, given again when the command comes with its key again.

Most answers say nothing but what their event says: they are worked out from it, and only the
event's position is kept. An answer with warnings, one that repeated another, and one about a visit
(whose events are forgotten some day) is kept as it was.
"""

import msgspec

from agent.journal import Appended
from agent.journal.answered import Answer
from agent.journal.database import Connection
from agent.result import Result
from agent.views import dossier_rows, stored
from agent.views.stored import StoredEvent
from agent.views.visit_rows import ENDING
from records.decision import Decision
from records.moment import local

_encode = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_decode = msgspec.msgpack.Decoder(Result).decode


def answer(decision: Decision, first: Appended | None, result: Result) -> Answer:
    """What must be kept of an answer so that it can be given again."""
    if first is None or len(decision.events) > 1 or decision.warnings:
        return Answer(0, _encode(result))
    if decision.subject is not None and decision.events[0].kind in ENDING:
        return Answer(0, _encode(result))
    return Answer(first.pos, None)


def given(connection: Connection, kept: Answer) -> Result:
    """The answer that was kept. Raises LookupError when what it says is not there any more."""
    if kept.result is not None:
        return _decode(kept.result)
    event = stored.at(connection, kept.pos)
    no = None if event is None else _created_at(connection, event)
    if event is None or no is None:
        raise LookupError(f"event at {kept.pos}")
    loaded = dossier_rows.load(connection, no)
    if loaded is None and no == event.pos:
        return Result(event.id, event.seq)
    then = loaded and dossier_rows.fold_events([e for e in loaded.events if e.pos <= event.pos])
    if loaded is None or then is None:
        raise LookupError(f"dossier {no}")
    return Result(
        id=loaded.first.id,
        seq=event.seq,
        code=then.code,
        book=then.book,
        book_year=then.book_year,
        due_at=None if then.due_at_ms is None else local(then.due_at_ms).isoformat(),
    )


def _created_at(connection: Connection, event: StoredEvent) -> int | None:
    """Position of the event that created what `event` tells of."""
    read = stored.read(event)
    subject = None if read is None else read.event.subject
    if subject is None:
        return event.pos
    if isinstance(subject, int):
        return stored.pos_of(connection, event.journal, subject)
    id_ = stored.parse_id(subject)
    return None if id_ is None else stored.pos_of_id(connection, id_)
