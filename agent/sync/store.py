"""What sync reads from the journal's file and keeps there beside the events.

| meta key | holds |
|---|---|
| `sync.turn` | the turn to show next (docs/protocol.md section 6) |
| `sync.proof` | the newest receipt statement whose signature was checked |
| `sync.proof_ms` | when that came, by our clock |
| `sync.proof.JOURNAL` | the newest one about a journal that another follows |
| `sync.revoked` | 1 with the verdict, or the revocation statement: nothing is sent any more |
| `sync.successor` | the statement that came with the verdict `moved`, whatever it is |
| `sync.province.N` | each statement that was taken (`agent.sync.successor`) |
| `sync.device_record` | a newer device record than the enrolment's |
| `sync.pending` | 1 while an operator has not yet approved this device |
| `sync.verdict` | the verdict of the last bound answer |
| `sync.offset_ms` | province's clock minus ours, at the last bound answer |
| `sync.give_back` | desk journal (16 bytes) and number after which the province wants it back |
| `sync.desk_proof` | the receipt statement that covers the most of the desk journal |
| `sync.newest_exported` | SHA-256 of the newest message made, while that is one on a stick |
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.journal.database import Connection
from agent.journal.transaction import Transaction, get_meta
from agent.sync.faults import Fault
from agent.sync.pacing import Load
from wire.block import Gone
from wire.chain import Head, genesis
from wire.limits import ID_BYTES, TURN_BYTES
from wire.statements import Receipt, read_unverified

TURN = "sync.turn"
PROOF = "sync.proof"
PROOF_MS = "sync.proof_ms"
REVOKED = "sync.revoked"
SUCCESSOR = "sync.successor"
DEVICE_RECORD = "sync.device_record"
PENDING = "sync.pending"
VERDICT = "sync.verdict"
OFFSET_MS = "sync.offset_ms"
GIVE_BACK = "sync.give_back"
DESK_PROOF = "sync.desk_proof"
NEWEST_EXPORTED = "sync.newest_exported"

NO_TURN = bytes(TURN_BYTES)
EXCHANGES_KEPT = 2_000
"""Rows of the exchange log: more than a week of failures at the slowest retry."""

_HEADS = "SELECT side, no, head_seq, head_hash, id FROM journal WHERE state = 'open'"
_EVENTS = (
    "SELECT e.seq, e.body, g.digest, g.day, g.kind, g.channel FROM event e"
    " LEFT JOIN gone g ON g.pos = e.pos WHERE e.journal = ? AND e.seq > ? ORDER BY e.seq"
)


@dataclass(frozen=True, slots=True)
class Returning:
    """Desk events for a province that lost them: they follow `start`. `proof`: its receipt."""

    start: Head
    items: tuple[bytes | Gone, ...]
    proof: bytes | None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What the next message can say, read in one moment.

    `items` are the events that follow `start`, each its bytes or what is left of it; together
    they are one block without a hole. `desk` is the id of the desk journal that `cursor` stands
    in (b"": that of the enrolment), `record` a newer device record than the enrolment's.
    """

    start: Head
    head: Head
    cursor: Head
    turn: bytes
    items: tuple[bytes | Gone, ...]
    desk: bytes = b""
    record: bytes | None = None
    returning: Returning | None = None


def read_outgoing(
    conn: Connection, start: Head, plain_bytes: int, *, gives_back: bool = False
) -> Outgoing:
    """Read the events after `start` until they fill `plain_bytes`, and where the journals stand.

    `gives_back`: desk events that the province has lost, in their place. Never holds more than
    one batch. Called on a reader's thread.
    """
    conn.execute("BEGIN")
    try:
        heads = {row[0]: row[1:] for row in conn.execute(_HEADS)}
        office, seq, hash_, _ = heads["office"]
        _, desk_seq, desk_hash, desk = heads["desk"]
        returning = _read_returning(conn, plain_bytes) if gives_back else None
        items = _read_items(conn, office, start.seq, plain_bytes) if returning is None else []
        turn, record = get_meta(conn, TURN), get_meta(conn, DEVICE_RECORD)
    finally:
        conn.execute("COMMIT")
    return Outgoing(
        start,
        Head(seq, hash_),
        Head(desk_seq, desk_hash),
        turn or NO_TURN,
        tuple(items),
        desk,
        record,
        returning,
    )


def gives_back(conn: Connection) -> bool:
    """Whether the province asked for desk events that it has lost."""
    return get_meta(conn, GIVE_BACK) is not None


def desk_number(conn: Connection, desk_id: bytes) -> int | None:
    """Return the number of the desk journal with this id, None where there is none."""
    row = conn.execute(
        "SELECT no FROM journal WHERE side = 'desk' AND id = ?", (desk_id,)
    ).fetchone()
    return row[0] if row else None


def _read_returning(conn: Connection, plain_bytes: int) -> Returning | None:
    wanted = get_meta(conn, GIVE_BACK)
    if wanted is None:
        return None
    desk_id, after = wanted[:ID_BYTES], int.from_bytes(wanted[ID_BYTES:])
    number = desk_number(conn, desk_id)
    if number is None:
        return None
    items = _read_items(conn, number, after, plain_bytes)
    start = _head_at(conn, number, after)
    return Returning(start, tuple(items), get_meta(conn, DESK_PROOF)) if items else None


def _head_at(conn: Connection, number: int, seq: int) -> Head:
    if seq == 0:
        writer, desk_id = conn.execute(
            "SELECT writer_id, id FROM journal WHERE no = ?", (number,)
        ).fetchone()
        return genesis(writer, desk_id)
    row = conn.execute(
        "SELECT hash FROM event WHERE journal = ? AND seq = ?", (number, seq)
    ).fetchone()
    return Head(seq, row[0])


def _read_items(conn: Connection, office: int, after: int, plain_bytes: int) -> list[bytes | Gone]:
    items: list[bytes | Gone] = []
    size = 0
    rows = conn.execute(_EVENTS, (office, after))
    try:
        for seq, body, digest, day, kind, channel in rows:
            items.append(Gone(seq, digest, day, kind, channel) if body is None else body)
            size += len(body or b"") + 1
            if size >= plain_bytes:
                break
    finally:
        rows.close()
    return items


def is_revoked(conn: Connection) -> bool:
    """Whether a bound answer once said that this device is revoked."""
    return get_meta(conn, REVOKED) is not None


def proof_ms(conn: Connection) -> int | None:
    """When the newest receipt statement was kept, by our clock; None when there is none."""
    found: int | None = get_meta(conn, PROOF_MS)
    return found


def is_newest_exported(conn: Connection) -> bool:
    """Whether the newest message this device made left on a stick."""
    return get_meta(conn, NEWEST_EXPORTED) is not None


def made_on_the_line(transaction: Transaction) -> None:
    """Note that a message goes over the network: no exported one is the newest any more."""
    transaction.conn.execute("DELETE FROM meta WHERE key = ?", (NEWEST_EXPORTED,))


def log_exchange(transaction: Transaction, load: Load, fault: Fault | None) -> None:
    """Add one row to the exchange log and forget the oldest beyond `EXCHANGES_KEPT`."""
    conn = transaction.conn
    number = conn.execute(
        "INSERT INTO exchange(at_ms, ok, error, bytes_up, bytes_down, took_ms)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            transaction.now_ms,
            int(fault is None),
            fault.code if fault else None,
            load.up_bytes,
            load.down_bytes,
            load.took_ms,
        ),
    ).lastrowid
    conn.execute("DELETE FROM exchange WHERE no <= ?", (number - EXCHANGES_KEPT,))


def keep_proof(transaction: Transaction, proof: bytes) -> None:
    """Keep a receipt statement as the newest; one about a former journal stays beside it.

    Its records stand in that journal alone, and somebody may ask for the proof of one.
    """
    before = transaction.get_meta(PROOF)
    if before is not None:
        former = read_unverified(before, Receipt).journal
        if former != read_unverified(proof, Receipt).journal:
            transaction.set_meta(f"{PROOF}.{former.hex()}", before)
    transaction.set_meta(PROOF, proof)
    transaction.set_meta(PROOF_MS, transaction.now_ms)
