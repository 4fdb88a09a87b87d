"""The encrypted file: opening it, and refusing to.

SQLCipher with the raw 32-byte key (no PBKDF2: the key is random, not a pass phrase), WAL with
`synchronous=FULL` set and read back. Before anything could be written the file is opened
read-only and its key and schema version are checked, so that a wrong key, a damaged file or a
newer schema changes nothing.
"""

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
STATEMENTS_CACHED: Final = 256
"""More than the program has: nothing is prepared twice."""

SQLITE_FULL: Final = 13
SQLITE_NOTADB: Final = 26
DISK_CODES: Final = frozenset({7, 8, 10, 11, SQLITE_FULL, 14, 22, SQLITE_NOTADB})
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
    """Look at an existing file without changing it.

    Raises Refusal: `key-wrong` (wrong key, or not a database at all),
    `journal-damaged`, `schema-newer`.
    """
    wal = path.with_name(path.name + "-wal")
    unfinished = wal.exists() and wal.stat().st_size > 0
    connection = connect(path, key, mode="ro", immutable=not unfinished)
    try:
        version = read_version(connection)
    finally:
        connection.close()
    if version > VERSION:
        raise Refusal("schema-newer", f"{path}: {version} > {VERSION}")


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
    fresh = not path.exists() or path.stat().st_size == 0
    if not fresh:
        check(path, key)
    connection = connect(path, key, mode="rwc" if fresh else "rw")
    try:
        if fresh:
            path.chmod(0o600)
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
