"""The desk journal after a restore of the province (docs/protocol.md section 6).

- The province lacks events that it said and we hold: it names heads (`desk_lost`), and the next
  message gives back what follows the highest that we agree with.
- It goes on in another desk journal: the device record names that, and it begins with the very
  place where ours ends. What ours said stays said; nothing of it is projected again.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from agent.journal import Transaction
from agent.journal.database import Connection
from agent.journal.transaction import get_meta
from agent.sync import store
from agent.sync.answer import Answer
from records.desk_events import DeskOpened
from wire import event as wire_event
from wire import statements
from wire.block import ChainedEvent
from wire.chain import Head, genesis
from wire.keys import VerifyKey
from wire.plaintext import Down
from wire.problems import Malformed
from wire.statements import DeviceRecord, Receipt

PLACE_BYTES = 8


def follow(transaction: Transaction, answer: Answer) -> bool:
    """Go on in the desk journal that an answer's device record names; return whether it did.

    Only if it begins with the place where ours ends: else it is not the one that follows ours.
    """
    identity, down = transaction.identity, answer.down
    if identity is None or answer.device_record is None or down.events is None or not answer.desk:
        return False
    record = statements.read_unverified(answer.device_record, DeviceRecord)  # `examine` has checked
    if record.desk == identity.desk or record.desk != down.desk:
        return False
    writer = VerifyKey(record.desk_writer_key).key_id
    start = genesis(writer, record.desk)
    if (answer.desk[0].seq, down.events.prev) != (1, start.hash):
        return False
    if _after(answer.desk[0]) != (identity.desk, transaction.desk_head):
        return False
    transaction.follow_desk(record.desk, writer)
    transaction.set_meta(store.DEVICE_RECORD, answer.device_record)
    return True


def _after(first: ChainedEvent) -> tuple[bytes, Head] | None:
    """Return the desk journal and head that a first event says it follows."""
    try:
        event = wire_event.decode(first.event or b"")
        if event.kind != "desk.opened":
            return None
        after = msgspec.json.decode(event.body, type=DeskOpened).after
        if after is None:
            return None
        return bytes.fromhex(after[0]), Head(after[1], bytes.fromhex(after[2]))
    except (Malformed, msgspec.DecodeError, ValueError):
        return None


def note_lost(transaction: Transaction, down: Down) -> bool:
    """Remember from where desk events are to be given back; return whether that is news.

    An answer that asks for none ends it. A stale one says nothing of it.
    """
    if down.stale:
        return False
    before = transaction.get_meta(store.GIVE_BACK)
    if not down.desk_lost:
        transaction.delete_meta(store.GIVE_BACK)
        return False
    agreed = _agreed(transaction.conn, down.desk, down.desk_lost)
    if agreed is None:
        return False
    wanted = down.desk + agreed.to_bytes(PLACE_BYTES)
    transaction.set_meta(store.GIVE_BACK, wanted)
    return bool(wanted != before)


def _agreed(conn: Connection, desk_id: bytes, rungs: Sequence[Head]) -> int | None:
    """Return the highest of the heads that is ours too, 0 if none is; None: no such journal."""
    number = store.desk_number(conn, desk_id)
    if number is None:
        return None
    for rung in sorted(rungs, reverse=True):
        held = conn.execute(
            "SELECT 1 FROM event WHERE journal = ? AND seq = ? AND hash = ?",
            (number, rung.seq, rung.hash),
        )
        if held.fetchone() is not None:
            return rung.seq
    return 0


def keep_proof(transaction: Transaction, answer: Answer) -> None:
    """Keep the receipt statement that covers the most of the desk journal as it is held here.

    A province that was put back signs receipts that cover less: they prove less.
    """
    if answer.proof is None:
        return
    said = statements.read_unverified(answer.proof, Receipt)
    held = _place(transaction.conn, said)
    known = get_meta(transaction.conn, store.DESK_PROOF)
    before = None if known is None else statements.read_unverified(known, Receipt)
    less = before is not None and before.desk == said.desk and before.desk_seq > said.desk_seq
    if held and not less:
        transaction.set_meta(store.DESK_PROOF, answer.proof)


def _place(conn: Connection, said: Receipt) -> bool:
    """Whether the desk journal held here has the head that a receipt names."""
    row = conn.execute(
        "SELECT 1 FROM journal j JOIN event e ON e.journal = j.no"
        " WHERE j.side = 'desk' AND j.id = ? AND e.seq = ? AND e.hash = ?",
        (said.desk, said.desk_seq, said.desk_hash),
    ).fetchone()
    return row is not None
