"""The box this agent runs in, told before it is shown (docs/protocol.md section 6, `box`).

A box whose parts changed since it was last told of is shown in no message before the journal tells
of it with `device.changed`; so whatever the former box left behind somewhere is behind by one event
at least, and nobody takes the two for a clone. Nothing is told before an answer has shown that
this journal is not behind: a restored file must get its own events back first.
"""

from __future__ import annotations

from typing import Final

from agent.journal import Transaction
from agent.journal.database import Connection
from agent.journal.transaction import get_meta
from wire.box import parts_changed
from wire.event import Event, body_of, format_time

TOLD: Final = "box.told"
"""Meta: the box that the journal last told of."""
KIND: Final = "device.changed"
ACTOR: Final = "device:agent"


def shown(conn: Connection, box: bytes) -> bytes | None:
    """Return what a message shows of this box; None as long as the journal has not told of it.

    The first box of a file needs no telling.
    """
    told = get_meta(conn, TOLD)
    return box if told in {None, box} else None


def tell(transaction: Transaction, box: bytes) -> bool:
    """Record a box that changed, in the transaction of an answer that showed where we stand.

    Return whether it was told now: the next message may show it.
    """
    told = transaction.get_meta(TOLD)
    if told == box or transaction.marks.is_recovering:
        return False
    transaction.set_meta(TOLD, box)
    if told is None:
        return False
    body = body_of({"parts": parts_changed(told, box)})
    at = format_time(transaction.now_ms)
    transaction.append(Event(kind=KIND, at=at, actor=ACTOR, body=body))
    return True
