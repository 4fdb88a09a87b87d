"""The encrypted file: opening it, and refusing to.

SQLCipher with the raw 32-byte key (no PBKDF2: the key is random, not a pass phrase), WAL with
`synchronous=FULL` set and read back. Before anything could be written the file is opened
read-only and its key and schema version are checked, so that a wrong key, a damaged file or a
newer schema changes nothing.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from sqlcipher3 import dbapi2

from agent.journal.schema import APPLICATION_ID, STEPS, VERSION
from wire.problems import Refusal

Connection: TypeAlias = Any
"""A `sqlcipher3.dbapi2.Connection`; the package ships no types."""
Connector: TypeAlias = Callable[[], Connection]
DatabaseError = dbapi2.DatabaseError

PAGE_BYTES: Final = 8192
"""Each page costs 80 bytes and one HMAC; about fourteen events fill one with little left over.
Measured against 4096: 4 % less disk at the same speed; 16384 doubles what a small commit writes."""
CHECKPOINT_PAGES: Final = 2000
"""16 MB of WAL before it is folded in: half the syncs of the default, still quick to recover."""
WAL_BYTES_MAX: Final = 64 << 20
"""A WAL that grew under a long reader is cut back to this."""
CACHE_WRITER_KIB: Final = 8_192
"""Holds the inner pages of every index of a million events, so that a commit reads nothing."""
CACHE_READER_KIB: Final = 4_096
BUSY_MS: Final = 5_000
"""Only a backup or a verification of another process ever holds a lock, and for moments."""
KEY_BYTES: Final = 32
LOOK_BYTES_MAX: Final = 32 << 20
"""A file up to this is read as a whole at every start (5 ms a MB); a larger one afterwards, in the
background (`agent.rounds.look_over`), so that the time to the first scan does not grow."""
STATEMENTS_CACHED: Final = 256
"""More than the program has: nothing is prepared twice."""

SQLITE_CORRUPT: Final = 11
SQLITE_FULL: Final = 13
SQLITE_NOTADB: Final = 26
DISK_CODES: Final = frozenset({7, 8, 10, SQLITE_CORRUPT, SQLITE_FULL, 14, 22, SQLITE_NOTADB})
"""NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOLFS, NOTADB: not this job's fault, but the
ground gives way under the whole transaction."""


def connect(path: Path, key: bytes, *, mode: str, immutable: bool = False) -> Connection:
    """Connect to `path` and give the key, nothing else. `mode`: ro, rw or rwc.

    The connection may be used on any one thread at a time and has no implicit transactions.
    """
    if len(key) != KEY_BYTES:
        raise Refusal("key-wrong")
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}" + ("&immutable=1" if immutable else "")
    connection = dbapi2.connect(
        uri,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_MS / 1000,
        cached_statements=STATEMENTS_CACHED,
    )
    try:
        apply_key(connection, key)
    except BaseException:
        connection.close()
        raise
    return connection


def apply_key(connection: Connection, key: bytes) -> None:
    """Give the raw key as the first statement, then what must be known before the first page."""
    connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    connection.execute("PRAGMA cipher_log_level = NONE")
    connection.execute(f"PRAGMA cipher_page_size = {PAGE_BYTES}")


def check(path: Path, key: bytes) -> None:
    """Look at an existing file without changing it: key, schema, and each page of a smaller one.

    Raises Refusal: `key-wrong` (wrong key, or not a database at all),
    `journal-damaged`, `schema-newer`.
    """
    wal = path.with_name(path.name + "-wal")
    unfinished = wal.exists() and wal.stat().st_size > 0
    connection = connect(path, key, mode="ro", immutable=not unfinished)
    try:
        version = read_version(connection)
        if version > VERSION:
            raise Refusal("schema-newer", f"{path}: {version} > {VERSION}")
        if path.stat().st_size <= LOOK_BYTES_MAX:
            look_over(connection)
    finally:
        connection.close()


def look_over(connection: Connection) -> None:
    """Read every page in use, through the WAL, and check its MAC and its shape.

    Through the WAL, because a power cut in a checkpoint tears pages that the WAL still holds.
    Raises Refusal `journal-damaged`.
    """
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except DatabaseError as error:
        raise Refusal("journal-damaged", str(error)) from error
    if found != "ok":
        raise Refusal("journal-damaged", str(found).replace("\n", " "))


def read_version(connection: Connection) -> int:
    """Read the schema version: the first look inside, so the key is judged here."""
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except DatabaseError as error:
        if primary_code(error) == SQLITE_NOTADB:
            raise Refusal("key-wrong") from error
        raise Refusal("journal-damaged", str(error)) from error
    if application != APPLICATION_ID:
        raise Refusal("journal-damaged", "application_id")
    return int(version)


def open_writer(path: Path, key: bytes) -> Connection:
    """Open the one connection that writes, making or upgrading the file if that is due.

    Raises Refusal as `check`, or `journal-damaged` when the file system does not take
    `synchronous=FULL` in WAL mode.
    """
    if path.exists():
        check(path, key)
    else:
        make(path, key)
    return _open_writer(path, key)


def make(path: Path, key: bytes) -> None:
    """Make an empty journal: under another name until it is whole, so that a file at `path` is one.

    A power cut on the way leaves a file that the next start makes anew. Raises Refusal
    `journal-damaged` when a WAL stands there without its file: it holds what somebody recorded.
    """
    orphan = path.with_name(path.name + "-wal")
    if orphan.exists() and orphan.stat().st_size > 0:
        raise Refusal("journal-damaged", str(orphan))
    fresh = path.with_name(f".{path.name}.fresh")
    for suffix in ("", "-journal", "-wal", "-shm"):
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    connection = _open_writer(fresh, key)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    fresh.rename(path)
    sync_directory(path.parent)


def _open_writer(path: Path, key: bytes) -> Connection:
    connection = connect(path, key, mode="rw")
    try:
        set_durable(connection)
        connection.execute(f"PRAGMA cache_size = -{CACHE_WRITER_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_MAX}")
        connection.execute("PRAGMA foreign_keys = ON")
        upgrade(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def set_durable(connection: Connection) -> None:
    """Set WAL and `synchronous=FULL`, and believe only what is read back."""
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    connection.execute("PRAGMA synchronous = FULL")
    synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
    if mode != "wal" or synchronous != 2:
        raise Refusal("journal-damaged", f"journal_mode={mode} synchronous={synchronous}")


def open_reader(path: Path, key: bytes) -> Connection:
    """Open a connection that can only read, beside a running writer or alone."""
    connection = connect(path, key, mode="ro")
    try:
        connection.execute(f"PRAGMA cache_size = -{CACHE_READER_KIB}")
        connection.execute("PRAGMA query_only = ON")
        version = read_version(connection)
        if version != VERSION:
            raise Refusal("schema-newer", f"{path}: {version} != {VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection


def shrink(connection: Connection) -> None:
    """Give back the memory of pages that are only kept for speed."""
    connection.execute("PRAGMA shrink_memory")


def upgrade(connection: Connection) -> None:
    """Bring the schema to this program's version, each step in a transaction of its own."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, statements in enumerate(STEPS[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def primary_code(error: Exception) -> int:
    """SQLite's primary result code of an exception, 0 when it carries none."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def refusal_of(error: Exception) -> Refusal:
    """What to tell of an exception of the database itself: full, damaged, or the disk failed."""
    code = primary_code(error)
    if code == SQLITE_FULL:
        return Refusal("disk-full", str(error))
    if code in {SQLITE_CORRUPT, SQLITE_NOTADB}:
        return Refusal("journal-damaged", str(error))
    return Refusal("disk-failed", str(error))


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
