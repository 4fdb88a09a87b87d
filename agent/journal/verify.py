"""Proving that the journal is whole: pages, chain, heads, receipts, views' place.

Reads through a read-only connection, beside a running daemon or alone, and one snapshot: what is
appended meanwhile is not looked at. Memory stays flat however long the journal is.
"""

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from agent.journal.database import Connection, DatabaseError
from wire import chain
from wire.chain import Head

ROWS: Final = 100
DAMAGE_MAX: Final = 20
"""More lines of the same damage tell nobody anything new."""


class Damage(Struct, frozen=True):
    """One thing found wrong: `what` is a stable token, `seq` the first event it concerns."""

    what: str
    journal: str | None = None
    seq: int | None = None
    detail: str = ""


class VerifyReport(Struct, frozen=True):
    """What was looked at, and everything found wrong."""

    events: int
    head: Head | None
    damages: tuple[Damage, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.damages


class JournalRow(Struct, frozen=True):
    """One journal of the file, as its row says."""

    no: int
    side: str
    id: bytes
    writer_id: bytes
    head: Head
    head_bytes: int
    state: str


def verify(connection: Connection, *, alone: bool = False) -> VerifyReport:
    """Look at everything.

    `alone`: the file has no WAL and nobody writes (a copy), so that its raw pages may be judged,
    unused ones too. In a living file a page may be half written while the WAL holds it whole.
    """
    connection.execute("BEGIN")
    try:
        return _verify(connection, alone=alone)
    except DatabaseError as error:
        return VerifyReport(0, None, (Damage("unreadable", detail=str(error)),))
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _verify(connection: Connection, *, alone: bool) -> VerifyReport:
    damages: list[Damage] = []
    events = 0
    head: Head | None = None
    rows = connection.execute(
        "SELECT no, side, id, writer_id, head_seq, head_hash, head_bytes, state FROM journal"
    ).fetchall()
    for row in rows:
        journal = JournalRow(row[0], row[1], row[2], row[3], Head(row[4], row[5]), row[6], row[7])
        count, found = _chain(connection, journal)
        events += count
        damages += found or _delivered(connection, journal)
        if journal.side == "office" and journal.state == "open":
            head = journal.head
    damages += _views(connection)
    damages += _structure(connection)
    if alone:
        damages += _pages(connection)
    return VerifyReport(events, head, tuple(damages[:DAMAGE_MAX]))


def _pages(connection: Connection) -> Iterator[Damage]:
    """Every raw page's own MAC."""
    for (line,) in connection.execute("PRAGMA cipher_integrity_check").fetchmany(DAMAGE_MAX):
        yield Damage("page", detail=str(line))


def _structure(connection: Connection) -> Iterator[Damage]:
    """Tables and indexes, every page in use being read and its MAC checked on the way."""
    for (line,) in connection.execute(f"PRAGMA integrity_check({DAMAGE_MAX})"):
        if line != "ok":
            yield Damage("structure", detail=str(line))
    for table, rowid, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield Damage("reference", detail=f"{table} {rowid} -> {parent}")


def _chain(connection: Connection, journal: JournalRow) -> tuple[int, list[Damage]]:
    """Walk one chain from its beginning; stop at the first event that is not what it should be."""
    name = journal.id.hex()
    head, size, count = chain.genesis(journal.writer_id, journal.id), 0, 0
    cursor = connection.execute(
        "SELECT e.seq, e.hash, e.body, g.digest FROM event e LEFT JOIN gone g ON g.pos = e.pos"
        " WHERE e.journal = ? ORDER BY e.seq",
        (journal.no,),
    )
    while rows := _next(cursor):
        if isinstance(rows, str):
            return count, [Damage("unreadable", name, head.seq + 1, rows)]
        for seq, hash_, body, gone in rows:
            count += 1
            if seq != head.seq + 1:
                return count, [Damage("missing", name, head.seq + 1)]
            digest = gone if body is None else chain.event_digest(body)
            if digest is None or chain.link(head.hash, digest) != hash_:
                return count, [Damage("changed", name, seq)]
            head = Head(seq, hash_)
            size += len(body or b"")
    if head != journal.head:
        return count, [Damage("head", name, journal.head.seq, f"last event {head.seq}")]
    if size > journal.head_bytes:
        return count, [Damage("bytes", name, detail=f"{size} > {journal.head_bytes}")]
    return count, []


def _next(cursor: Any) -> list[tuple[int, bytes, bytes | None, bytes | None]] | str:
    """The next rows, or why they cannot be read."""
    try:
        rows: list[tuple[int, bytes, bytes | None, bytes | None]] = cursor.fetchmany(ROWS)
    except DatabaseError as error:
        return str(error)
    return rows


def _delivered(connection: Connection, journal: JournalRow) -> list[Damage]:
    """Every receipt names a hash of this very chain."""
    rows = connection.execute(
        "SELECT d.seq, d.hash, e.hash FROM delivered d LEFT JOIN event e"
        " ON e.journal = d.journal AND e.seq = d.seq WHERE d.journal = ? ORDER BY d.seq",
        (journal.no,),
    )
    genesis = chain.genesis(journal.writer_id, journal.id).hash
    for seq, hash_, held in rows:
        if hash_ != (held if seq else genesis):
            return [Damage("receipt", journal.id.hex(), seq)]
    return []


def _views(connection: Connection) -> list[Damage]:
    """The views have come as far as they say, and not beyond the journal."""
    last = connection.execute("SELECT coalesce(max(pos), 0) FROM event").fetchone()[0]
    rows = connection.execute("SELECT name, pos FROM view WHERE pos IS NOT NULL").fetchall()
    return [Damage("views", detail=f"{name} {pos}") for name, pos in rows if pos > last]
