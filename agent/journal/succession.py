"""Going on in a new journal after a fork (docs/protocol.md section 6), in one transaction.

What this file and the province have in common stays the former journal's, which is closed. What
only this file had is kept aside as it was written and entered anew in the successor: each event
keeps its position, so the views know every record once. The province's branch is fetched later and
appended to the former journal, for reading.

A device opens a successor once by itself, and one behind that only when the province has released
the journal: a person decided so.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple
from uuid import UUID

import msgspec

from agent.journal import entered_again, salvaged
from agent.journal.database import Connection
from agent.journal.entered_again import Names
from agent.journal.transaction import (
    INSERT_EVENT,
    Appended,
    Transaction,
    get_meta,
)
from wire import chain
from wire import event as wire_event
from wire.block import ChainedEvent
from wire.chain import Head
from wire.event import Event, body_of, format_time
from wire.plaintext import Fetch
from wire.problems import Malformed, Refusal

ACTOR: Final = "device:agent"
KIND: Final = "journal.opened"
NOT_ENTERED: Final = "not-entered-again"
SUCCEEDED: Final = "journal-succeeded"
"""Problem at the first event of a successor: numbers may be used twice."""
SHOWN_MS: Final = 30 * 24 * 3600 * 1000
"""So long it is shown; by then the box may be restored again (docs/runbook.md)."""
RELEASED: Final = "succession.released"
"""Meta: id of the journal behind which the province lets one more be opened."""
WANTED_NO: Final = "succession.branch"
WANTED_SEQ: Final = "succession.until"
"""Meta: the former journal's number, and up to where the province's branch of it is wanted."""

Why = Literal["fork", "restored"]


class _Old(NamedTuple):
    """An event behind the place from which the successor goes on."""

    pos: int
    seq: int
    hash: bytes
    body: bytes | None
    digest: bytes | None


def may_open(transaction: Transaction) -> bool:
    """Whether the device may open a successor of its journal without another person's word."""
    marks = transaction.marks
    followed = transaction.conn.execute(
        "SELECT 1 FROM journal WHERE side = 'office' AND state = 'closed'"
    ).fetchone()
    return followed is None or transaction.get_meta(RELEASED) == marks.journal


def place_unanswered(transaction: Transaction) -> tuple[Head, int]:
    """Return where a successor goes on from while the province is silent, and what it holds.

    A receipt beyond the head says that the province has all that is here and its branch up to
    there. After a salvage it may never have said so: the wait is for what the damaged file had.
    Then only what is delivered is common, and no branch is known of.
    """
    held = transaction.marks.promised
    if transaction.get_meta(salvaged.UNTIL) is not None:
        held = transaction.get_meta(salvaged.HELD) or 0
    if held > transaction.head.seq:
        return transaction.head, held
    return transaction.delivered, transaction.delivered.seq


def open_successor(
    transaction: Transaction,
    journal: bytes,
    after: Head,
    why: Why,
    *,
    held: int,
    fresh_after: int | None = None,
) -> int:
    """Close the office journal at `after` and go on in `journal`, 16 fresh random bytes.

    `after` is a place of the own chain that the province has too; `held` is up to where it holds
    its branch. Events behind `fresh_after` were entered anew a moment ago and nobody was told of
    them: they go on being called what they were before. Returns how many events were entered anew.
    Raises Refusal `not-enrolled`.
    """
    identity, former = transaction.identity, transaction.marks
    if identity is None:
        raise Refusal("not-enrolled")
    old = list(_behind(transaction.conn, former.office, after.seq))
    _close(transaction, after)
    _begin(transaction, identity._replace(journal=journal).genesis, journal)
    at = format_time(transaction.now_ms)
    place = (identity.journal.hex(), after.seq, after.hash.hex())
    body = body_of({"after": place, "why": why})
    transaction.append(Event(kind=KIND, at=at, actor=ACTOR, body=body))
    transaction.note_problem("office", 1, SUCCEEDED, str(after.seq))
    fresh = former.head.seq if fresh_after is None else fresh_after
    count = _enter_again(transaction, former.office, after.seq, old, fresh)
    _keep_latest(transaction, former.latest_at)
    if held > after.seq:
        transaction.set_meta(WANTED_NO, former.office)
        transaction.set_meta(WANTED_SEQ, held)
    transaction.projector.begun(transaction.conn)
    return count


def forget_notice(transaction: Transaction) -> None:
    """Show no longer that a journal was followed, once that is `SHOWN_MS` ago."""
    until_ms = transaction.now_ms - SHOWN_MS
    transaction.conn.execute(
        "DELETE FROM problem WHERE code = ? AND at_ms < ?", (SUCCEEDED, until_ms)
    )


def wanted(conn: Connection) -> Fetch | None:
    """The next part of the province's branch that is wanted for reading; None when it is here."""
    number = get_meta(conn, WANTED_NO)
    if number is None:
        return None
    writer, id_, seq = conn.execute(
        "SELECT writer_id, id, head_seq FROM journal WHERE no = ?", (number,)
    ).fetchone()
    return Fetch(writer, id_, seq + 1)


def append_branch(transaction: Transaction, journal: bytes, events: Sequence[ChainedEvent]) -> int:
    """Append the province's branch of the former journal, as far as it leads on; return how many.

    What does not lead on is passed over: it is asked for again.
    """
    conn, number = transaction.conn, transaction.get_meta(WANTED_NO)
    if number is None:
        return 0
    id_, seq, hash_, size = conn.execute(
        "SELECT id, head_seq, head_hash, head_bytes FROM journal WHERE no = ?", (number,)
    ).fetchone()
    head, count = Head(seq, hash_), 0
    if id_ != journal:
        return 0
    for item in events:
        if item.seq <= head.seq:
            continue
        if item.seq != head.seq + 1 or chain.link(head.hash, item.digest) != item.hash:
            break
        _append_read(transaction, number, item)
        head, count = Head(item.seq, item.hash), count + 1
        size += len(item.event or b"")
    if count:
        _set_head(conn, number, head, size)
        _mark_delivered(transaction, number, head)
    if head.seq >= transaction.get_meta(WANTED_SEQ):
        conn.execute("DELETE FROM meta WHERE key IN (?, ?)", (WANTED_NO, WANTED_SEQ))
    return count


def _append_read(transaction: Transaction, number: int, item: ChainedEvent) -> None:
    marks = transaction.marks
    pos = marks.pos + 1
    row = (pos, number, item.seq, item.hash, item.event)
    transaction.conn.execute(INSERT_EVENT, row)
    transaction.marks = msgspec.structs.replace(marks, pos=pos)
    if item.event is None:
        transaction.note_gone(pos, item)
    else:
        transaction.follow(number, "office", Appended(pos, item.seq, item.hash), item.event)


def _behind(conn: Connection, number: int, seq: int) -> Iterator[_Old]:
    rows = conn.execute(
        "SELECT e.pos, e.seq, e.hash, e.body, g.digest FROM event e LEFT JOIN gone g"
        " ON g.pos = e.pos WHERE e.journal = ? AND e.seq > ? ORDER BY e.seq",
        (number, seq),
    )
    return (_Old(*row) for row in rows)


def _close(transaction: Transaction, after: Head) -> None:
    """End the office journal at a place that the province has: up to there it is delivered."""
    conn, marks = transaction.conn, transaction.marks
    _set_head(conn, marks.office, after, marks.head_bytes)
    conn.execute("UPDATE journal SET state = 'closed' WHERE no = ?", (marks.office,))
    conn.execute("DELETE FROM delivered WHERE journal = ? AND seq > ?", (marks.office, after.seq))
    _mark_delivered(transaction, marks.office, after)


def _begin(transaction: Transaction, genesis: Head, journal: bytes) -> None:
    conn, marks, identity = transaction.conn, transaction.marks, transaction.identity
    if identity is None:
        raise Refusal("not-enrolled")
    number = conn.execute(
        "INSERT INTO journal(side, id, writer_id, state, head_seq, head_hash, head_bytes)"
        " VALUES ('office', ?, ?, 'open', 0, ?, 0)",
        (journal, identity.device_id, genesis.hash),
    ).lastrowid
    transaction.marks = msgspec.structs.replace(
        marks,
        office=number,
        journal=journal,
        head=genesis,
        head_bytes=0,
        delivered=genesis,
        delivered_bytes=0,
        promised=0,
    )
    _mark_delivered(transaction, number, genesis)


def _enter_again(
    transaction: Transaction, former: int, common: int, old: Sequence[_Old], fresh: int
) -> int:
    """Move each old event aside and its position to the event that enters it anew."""
    conn, count = transaction.conn, 0
    names = Names({}, {}, _hashes(conn, former, common, old))
    for event in old:
        row = (former, event.seq, event.hash, event.body, event.digest)
        conn.execute("INSERT INTO aside VALUES (?, ?, ?, ?, ?)", row)
        head = _moved(transaction, event, names, fresh=event.seq > fresh)
        if head is None:
            _leave(transaction, event)
            continue
        place = (transaction.marks.office, head.seq, former, event.seq)
        conn.execute("UPDATE problem SET journal = ?, seq = ? WHERE journal = ? AND seq = ?", place)
        names.seqs[event.seq] = head.seq
        names.ids[str(chain.event_id(event.hash))] = head.seq
        count += 1
    return count


def _moved(transaction: Transaction, event: _Old, names: Names, *, fresh: bool) -> Head | None:
    """Enter one event anew; None when it cannot be."""
    if event.body is None:
        return None
    try:
        again = wire_event.decode(event.body).again if fresh else None
        former = chain.event_id(event.hash) if again is None else UUID(again)
        data = entered_again.enter_again(event.body, former, names)
    except Malformed:
        return None
    marks = transaction.marks
    head = chain.extend(marks.head, data)
    transaction.conn.execute(
        "UPDATE event SET journal = ?, seq = ?, hash = ?, body = ? WHERE pos = ?",
        (marks.office, head.seq, head.hash, data, event.pos),
    )
    transaction.marks = msgspec.structs.replace(
        marks, head=head, head_bytes=marks.head_bytes + len(data)
    )
    transaction.projector.renamed(transaction.conn, event.pos, event.hash, head.hash)
    return head


def _leave(transaction: Transaction, event: _Old) -> None:
    """Leave aside what cannot be entered anew, and say so."""
    transaction.conn.execute("DELETE FROM gone WHERE pos = ?", (event.pos,))
    transaction.conn.execute("DELETE FROM event WHERE pos = ?", (event.pos,))
    transaction.note_problem("office", 1, NOT_ENTERED, str(event.seq))


def _hashes(conn: Connection, former: int, common: int, old: Sequence[_Old]) -> dict[int, bytes]:
    """Return the hashes of the events of the common part that the others name."""
    found: dict[int, bytes] = {}
    for event in old:
        for seq in entered_again.named_in(event.body or b""):
            if seq <= common and seq not in found:
                row = conn.execute(
                    "SELECT hash FROM event WHERE journal = ? AND seq = ?", (former, seq)
                ).fetchone()
                if row is not None:
                    found[seq] = row[0]
    return found


def _keep_latest(transaction: Transaction, latest_at: str) -> None:
    marks = transaction.marks
    latest = max(marks.latest_at, latest_at)
    transaction.marks = msgspec.structs.replace(marks, latest_at=latest)


def _set_head(conn: Connection, number: int, head: Head, size: int) -> None:
    conn.execute(
        "UPDATE journal SET head_seq = ?, head_hash = ?, head_bytes = ? WHERE no = ?",
        (*head, size, number),
    )


def _mark_delivered(transaction: Transaction, number: int, head: Head) -> None:
    transaction.conn.execute(
        "INSERT OR IGNORE INTO delivered(journal, seq, hash, bytes, at_ms) VALUES (?, ?, ?, 0, ?)",
        (number, *head, transaction.now_ms),
    )
