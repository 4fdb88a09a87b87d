"""Saving what can be read of a damaged journal into a new file (docs/runbook.md).

Each row is read by itself, so that a page whose MAC is wrong costs the rows in it and no others.
What leads on from the beginning of each chain becomes the new journal. Own events beyond the first
hole are kept in `meta` under `salvaged.<seq>` as hash ‖ bytes: once the province has given back
what is missing (`Transaction.append_given_back`), they are appended again where they stood, and
entered anew if nobody has it (`agent.journal.salvaged`). Desk events beyond a hole come
again by themselves. The damaged file stays beside the new one.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import Struct

from agent.journal import database
from agent.journal.backup import KEYS_SINCE, RUNNING_BOOT, set_aside
from agent.journal.database import Connection, DatabaseError
from agent.journal.identity import Identity
from agent.journal.marks import adopt
from agent.journal.salvaged import HELD, SALVAGED, UNTIL, holes
from agent.journal.transaction import get_meta, set_meta
from agent.journal.verify import verify
from wire import chain
from wire import event as wire_event
from wire.chain import Head
from wire.event import format_time
from wire.problems import Malformed, Refusal

COPIED: Final = (
    ("user", "name, role, display, salt, verifier, disabled"),
    ("exported", "request, made_ms, last_seq"),
    ("arrived", "blob, at_ms"),
    ("scan", "no, blob, name, at_ms, sha256, captured"),
    ("scan_source", "file, size, mtime_ns, sha256"),
)
_ROW: Final = (
    "SELECT e.pos, e.journal, e.seq, e.hash, e.body, g.digest, g.day, g.kind, g.channel"
    " FROM event e LEFT JOIN gone g ON g.pos = e.pos WHERE e.pos = ?"
)
_ROW_ALONE: Final = (
    "SELECT pos, journal, seq, hash, body, NULL, NULL, NULL, NULL FROM event WHERE pos = ?"
)
"""For when what is left of forgotten events cannot be read."""


class Salvaged(Struct, frozen=True):
    """What became of the office's own events, by number.

    `kept`: up to here the new journal has them all; `waiting`: those beyond that wait for what is
    missing between; `missing`: first and last of each hole, which only the province may still have.
    """

    kept: int
    waiting: int
    missing: tuple[tuple[int, int], ...]
    aside: str


class Row(NamedTuple):
    """One event as it was read, with what is left of a forgotten one."""

    pos: int
    journal: int
    seq: int
    hash: bytes
    body: bytes | None
    digest: bytes | None
    day: str | None
    kind: str | None
    channel: str | None

    @property
    def chained(self) -> bytes | None:
        """Its digest in the chain, None when nothing is left of it."""
        return self.digest if self.body is None else chain.event_digest(self.body)


class _Damaged:
    """A file that is read row by row. A connection that met a wrong MAC is not used again."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path, self._key = path, key
        self._connection: Connection | None = None

    def read(self, query: str, *values: Any) -> list[Any] | None:
        """The rows of a query, None when a page they need cannot be read."""
        try:
            if self._connection is None:
                self._connection = database.connect(self._path, self._key, mode="rw")
            rows: list[Any] = self._connection.execute(query, values).fetchall()
        except DatabaseError:
            self.close()
            return None
        return rows

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            with contextlib.suppress(DatabaseError):
                self._connection.close()
        self._connection = None


def salvage(target: Path, key: bytes, identity: Identity, now_ms: int) -> Salvaged:
    """Put a new journal in the place of the damaged one at `target`; the daemon must be stopped.

    Raises Refusal `journal-damaged` when not even the list of journals can be read, or when it
    names others than enrolment did (successors): then only a backup helps; and `disk-full`,
    `disk-failed`.
    """
    damaged = _Damaged(target, key)
    fresh = target.with_name(f".{target.name}.salvaged")
    try:
        heads = _journals(damaged, identity)
        rows = list(_events(damaged, sum(head.seq for _, head in heads.values())))
        for suffix in ("", "-wal", "-shm"):
            fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
        database.make(fresh, key)
        kept, waiting, missing = _fill(fresh, key, identity, damaged, heads, rows, now_ms)
    except DatabaseError as error:
        raise database.refusal_of(error) from error
    finally:
        damaged.close()
    aside = set_aside(target, key, now_ms)
    fresh.rename(target)
    database.sync_directory(target.parent)
    return Salvaged(kept, waiting, missing, str(aside))


def _journals(damaged: _Damaged, identity: Identity) -> dict[str, tuple[int, Head]]:
    rows = damaged.read("SELECT no, side, writer_id, id, head_seq, head_hash FROM journal")
    wanted = {
        "office": (identity.device_id, identity.journal),
        "desk": (identity.desk_writer, identity.desk),
    }
    found = {row[1]: (row[0], Head(row[4], row[5])) for row in rows or ()
             if wanted[row[1]] == (row[2], row[3])}  # fmt: skip
    if len(found) != len(wanted) or len(rows or ()) != len(wanted):
        raise Refusal("journal-damaged", "journal")
    return found


def _events(damaged: _Damaged, count: int) -> Iterator[Row]:
    last = damaged.read("SELECT max(pos) FROM event")
    for pos in range(1, max(count, (last or [(0,)])[0][0] or 0) + 1):
        found = damaged.read(_ROW, pos)
        for row in (damaged.read(_ROW_ALONE, pos) or ()) if found is None else found:
            yield Row(*row)


def _prefix(rows: Sequence[Row], number: int, start: Head) -> list[Row]:
    """The events of one journal that lead on from its beginning without a hole."""
    found, head = [], start
    for row in sorted((row for row in rows if row.journal == number), key=lambda row: row.seq):
        digest = row.chained
        if row.seq != head.seq + 1 or digest is None or chain.link(head.hash, digest) != row.hash:
            break
        head = Head(row.seq, row.hash)
        found.append(row)
    return found


def _beyond(rows: Sequence[Row], number: int, kept: int) -> list[Row]:
    """Own events after the first hole; the first after each hole is proven when it is joined."""
    own = {row.seq: row for row in rows if row.journal == number}
    found = []
    for seq, row in sorted(own.items()):
        before = own.get(seq - 1)
        if seq <= kept or row.body is None:
            continue
        if before is None or chain.link(before.hash, chain.event_digest(row.body)) == row.hash:
            found.append(row)
    return found


def _fill(  # noqa: PLR0917 - one file and what goes into it
    fresh: Path,
    key: bytes,
    identity: Identity,
    damaged: _Damaged,
    heads: dict[str, tuple[int, Head]],
    rows: Sequence[Row],
    now_ms: int,
) -> tuple[int, int, tuple[tuple[int, int], ...]]:
    number, head = heads["office"]
    own = _prefix(rows, number, identity.genesis)
    desk = _prefix(rows, heads["desk"][0], identity.desk_genesis)
    kept = len(own)
    rest = _beyond(rows, number, kept)
    until = max([head.seq, kept, *(row.seq for row in rest)])
    connection = database.open_writer(fresh, key)
    try:
        connection.execute("BEGIN IMMEDIATE")
        adopt(connection, identity)
        _copy_meta(connection, damaged)
        for side, events in (("office", own), ("desk", desk)):
            _enter(connection, side, events)
        _copy_delivered(connection, damaged, number, own)
        if not _copy_rest(connection, damaged, {row.pos for row in (*own, *desk)}):
            set_meta(connection, KEYS_SINCE, format_time(now_ms))
        _keep_waiting(connection, damaged, number, rest, until)
        connection.execute("COMMIT")
        report = verify(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    if not report.ok:
        raise Refusal("journal-damaged", report.damages[0].what)
    return kept, len(rest), holes(kept, {row.seq for row in rest}, until)


def _keep_waiting(
    connection: Connection, damaged: _Damaged, number: int, rest: Sequence[Row], until: int
) -> None:
    """Keep what waits and what was heard; what waited since a former salvage is there already."""
    for row in rest:
        set_meta(connection, f"{SALVAGED}{row.seq}", row.hash + (row.body or b""))
    heard = damaged.read("SELECT max(seq) FROM delivered WHERE journal = ?", number)
    held = (heard or [(None,)])[0][0] or 0
    for key, value in ((UNTIL, until), (HELD, held)):
        set_meta(connection, key, max(value, get_meta(connection, key) or 0))


def _enter(connection: Connection, side: str, events: Sequence[Row]) -> None:
    (number,) = connection.execute("SELECT no FROM journal WHERE side = ?", (side,)).fetchone()
    size, latest_at = 0, ""
    for row in events:
        connection.execute(
            "INSERT INTO event(pos, journal, seq, hash, body) VALUES (?, ?, ?, ?, ?)",
            (row.pos, number, row.seq, row.hash, row.body),
        )
        if row.body is None:
            gone = (row.pos, row.digest, row.day, row.kind, row.channel)
            connection.execute("INSERT INTO gone VALUES (?, ?, ?, ?, ?)", gone)
            continue
        size += len(row.body)
        with contextlib.suppress(Malformed):
            latest_at = max(latest_at, wire_event.decode(row.body).at)
    if events:
        connection.execute(
            "UPDATE journal SET head_seq = ?, head_hash = ?, head_bytes = ?, latest_at = ?"
            " WHERE no = ?",
            (events[-1].seq, events[-1].hash, size, latest_at if side == "office" else "", number),
        )


def _copy_meta(connection: Connection, damaged: _Damaged) -> None:
    for name, value in damaged.read("SELECT key, value FROM meta") or ():
        if name != RUNNING_BOOT:
            set_meta(connection, name, value)


def _copy_delivered(
    connection: Connection, damaged: _Damaged, number: int, own: Sequence[Row]
) -> None:
    """The newest receipt that speaks of what is kept; older ones tell nothing more."""
    hashes = {row.seq: row.hash for row in own}
    query = "SELECT seq, hash, at_ms FROM delivered WHERE journal = ? AND seq <= ? ORDER BY seq"
    known = [
        row for row in damaged.read(query, number, len(own)) or () if hashes.get(row[0]) == row[1]
    ]
    for seq, hash_, at_ms in known[-1:]:
        size = sum(len(row.body or b"") for row in own[:seq])
        connection.execute(
            "INSERT INTO delivered SELECT no, ?, ?, ?, ? FROM journal WHERE side = 'office'",
            (seq, hash_, size, at_ms),
        )


def _copy_rest(connection: Connection, damaged: _Damaged, places: set[int]) -> bool:
    """Copy users, open sticks and the answers of kept events; False if some keys are unknown."""
    for table, columns in COPIED:
        marks = ", ".join("?" * len(columns.split(", ")))
        for row in damaged.read(f"SELECT {columns} FROM {table}") or ():  # noqa: S608
            connection.execute(f"INSERT INTO {table}({columns}) VALUES ({marks})", row)  # noqa: S608
    answers = damaged.read("SELECT key, digest, at_s, pos, result FROM answered")
    for row in answers or ():
        if row[3] == 0 or row[3] in places:
            connection.execute("INSERT INTO answered VALUES (?, ?, ?, ?, ?)", row)
    return answers is not None and all(row[3] == 0 or row[3] in places for row in answers)
