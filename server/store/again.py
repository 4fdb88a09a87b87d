"""Opening an embedded database again after the disk failed, before anything more is receipted.

After a failed fsync the kernel may call pages clean that never reached the disk: what is read back
then comes from memory. So the cached pages are let go, the log is folded into the file, the last
event of each journal is held against its head, and one value is written. PostgreSQL does the like
by itself: it stops at the first failed fsync and recovers from its log.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import sqlcipher3
from sqlalchemy.exc import DBAPIError

from wire import chain
from wire.problems import Refusal

DISK_CODES: Final = frozenset({8, 10, 11, 14, 26})
"""SQLite's READONLY, IOERR, CORRUPT, CANTOPEN, NOTADB: nobody knows what the file holds now."""
_LAST: Final = (
    "SELECT j.head_seq, j.head_hash, e.hash, e.event, e.digest, before.hash"
    " FROM journal j LEFT JOIN event e ON e.office_id = j.office_id"
    " AND e.journal_no = j.journal_no AND e.seq = j.head_seq"
    " LEFT JOIN event before ON before.office_id = j.office_id"
    " AND before.journal_no = j.journal_no AND before.seq = j.head_seq - 1"
    " WHERE j.head_seq > 0"
)


def failed_on_disk(error: BaseException) -> bool:
    """Whether a fault of the database leaves open what the disk holds."""
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None) or 0
    return code & 0xFF in DISK_CODES


def look_again(path: Path, connect: Callable[[], Any]) -> None:
    """Look at the file with a connection of its own; whoever reads meanwhile goes on.

    Raises Refusal `busy` (somebody reads an older state: again later), `store-damaged`, or
    sqlcipher3.DatabaseError while the disk goes on failing.
    """
    _forget_cached(path)
    connection = connect()
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise Refusal("busy")
        for row in connection.execute(_LAST):
            _prove(path, *row)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute(f"PRAGMA user_version = {int(version) + 1}")
    except sqlcipher3.DatabaseError as error:
        if (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF in {11, 26}:
            raise Refusal("store-damaged", f"{path}: {error}") from error
        raise
    finally:
        connection.close()


def _prove(  # noqa: PLR0917 - one row
    path: Path,
    seq: int,
    head: bytes,
    hash_: bytes | None,
    event: bytes | None,
    digest: bytes | None,
    before: bytes | None,
) -> None:
    """Hold one journal's head against its last event; the first one has nothing before it."""
    found = digest if event is None else chain.event_digest(event)
    whole = hash_ == head and found is not None
    if whole and before is not None and found is not None:
        whole = chain.link(before, found) == head
    if not whole or (before is None and seq > 1):
        raise Refusal("store-damaged", f"{path}: event {seq}")


def _forget_cached(path: Path) -> None:
    for name in (path.name, path.name + "-wal"):
        part = path.with_name(name)
        if part.exists():
            descriptor = os.open(part, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)
