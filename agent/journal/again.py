"""Opening the file again after the disk failed: what it holds is asked of the disk, not of memory.

After a failed fsync the kernel may call pages clean that never reached the disk (ext4, xfs), and
whoever reads the file is given them from memory: a WAL would be continued behind frames that the
next power cut takes away, and with them everything acknowledged afterwards. So the cached pages are
let go, the WAL is folded into the file and made durable there before one word is added, and the
last events are computed again from their bytes. Then a row of its own is written: an opening alone
asks the disk for nothing.
"""

import os
from pathlib import Path
from typing import Final

from agent.journal.database import Connection, DatabaseError, refusal_of
from agent.journal.transaction import set_meta
from wire import chain
from wire.chain import Head
from wire.problems import Refusal

OPENED_AGAIN: Final = "opened_again_ms"
"""In `meta`: when the file was last opened again after a failure."""
TAIL_EVENTS: Final = 1000
"""Events of each journal computed again: more than one transaction wrote, read in milliseconds."""
_TAIL: Final = (
    "SELECT e.seq, e.hash, e.body, g.digest FROM event e LEFT JOIN gone g ON g.pos = e.pos"
    " WHERE e.journal = ? ORDER BY e.seq DESC LIMIT ?"
)


def forget_cached(path: Path) -> None:
    """Let the kernel drop the clean pages of file and WAL, so that the next read asks the disk."""
    for name in (path.name, path.name + "-wal"):
        part = path.with_name(name)
        if part.exists():
            descriptor = os.open(part, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def fold_in(connection: Connection) -> None:
    """Copy the whole WAL into the file and begin it anew. Raises Refusal `disk-failed`, `busy`."""
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except DatabaseError as error:
        raise refusal_of(error) from error
    if busy:
        raise Refusal("busy", "wal_checkpoint")


def prove_write(connection: Connection, now_ms: int) -> None:
    """Write one row durably. Raises Refusal `disk-full`, `disk-failed`."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            set_meta(connection, OPENED_AGAIN, now_ms)
            connection.execute("COMMIT")
        except DatabaseError:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except DatabaseError as error:
        raise refusal_of(error) from error


def prove_tail(connection: Connection, acknowledged: Head) -> None:
    """Compute the last events of each journal again; `acknowledged` must still be held.

    Raises Refusal `journal-damaged`, `disk-failed`.
    """
    try:
        rows = connection.execute("SELECT no, side, head_seq, head_hash FROM journal").fetchall()
        for number, side, seq, hash_ in rows:
            _prove_one(connection, number, f"{side} journal", Head(seq, hash_))
        _prove_held(connection, acknowledged)
    except DatabaseError as error:
        raise refusal_of(error) from error


def _prove_one(connection: Connection, number: int, name: str, head: Head) -> None:
    later = head
    link: bytes | None = None
    for seq, hash_, body, gone in connection.execute(_TAIL, (number, TAIL_EVENTS)):
        if link is None:
            if later != (seq, hash_):
                raise Refusal("journal-damaged", f"{name}: head {head.seq}, last event {seq}")
        elif seq != later.seq - 1 or chain.link(hash_, link) != later.hash:
            raise Refusal("journal-damaged", f"{name}: event {seq + 1}")
        link = gone if body is None else chain.event_digest(body)
        if link is None:
            raise Refusal("journal-damaged", f"{name}: event {seq}")
        later = Head(seq, hash_)


def _prove_held(connection: Connection, acknowledged: Head) -> None:
    """Hold the file against the last event that somebody was told of."""
    if not acknowledged.seq:
        return
    row = connection.execute(
        "SELECT e.hash FROM event e JOIN journal j ON j.no = e.journal"
        " WHERE j.side = 'office' AND j.state = 'open' AND e.seq = ?",
        (acknowledged.seq,),
    ).fetchone()
    if row is None or row[0] != acknowledged.hash:
        raise Refusal("journal-damaged", f"acknowledged event {acknowledged.seq} is not held")
