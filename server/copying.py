"""A consistent copy of the embedded database while the server runs.

The copy is encrypted under the same `database.key`: without it a backup is noise, so keep that key
somewhere else. It is written beside its target, proved whole, made durable and only then gets its
name. PostgreSQL has its own tools for this, and better ones.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Final

import sqlcipher3

from server import keys
from server.config import Config
from server.store.engine import SQLITE
from server.store.sqlite import connector
from server.store.tables import PROVINCE
from wire.limits import ID_BYTES
from wire.problems import Refusal
from wire.texts import Text

PG_DUMP: Final = Text(
    vi="Cơ sở dữ liệu là PostgreSQL: sao lưu bằng pg_dump hoặc pg_basebackup.",
    en="The database is PostgreSQL: back it up with pg_dump or pg_basebackup.",
)


def backup(config: Config, target: Path) -> int:
    """Copy the database to `target` and return the bytes written. Runs long: give it a thread.

    Raises Refusal: `usage-wrong` for a database that is not embedded, `file-exists`,
    `store-damaged`, `backup-damaged` when the copy does not prove whole, `disk-full`.
    """
    if not config.database.startswith(SQLITE):
        raise Refusal("usage-wrong", PG_DUMP)
    source = Path(config.database.removeprefix(SQLITE))
    if not source.exists():
        raise Refusal("file-unreadable", str(source))
    if target.exists():
        raise Refusal("file-exists", str(target))
    key = keys.secret(config.keys_dir / "database.key")
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _copy(source, partial, key)
        prove(partial, key)
        _sync(partial)
        size = partial.stat().st_size
        os.link(partial, target)  # unlike a rename, never replaces what came in between
        _sync(target.parent)
    except FileExistsError:
        raise Refusal("file-exists", str(target)) from None
    except OSError as error:
        raise Refusal("disk-full", f"{target}: {error.strerror}") from error
    finally:
        for name in (partial.name, f"{partial.name}-wal", f"{partial.name}-shm"):
            partial.with_name(name).unlink(missing_ok=True)
    return size


def _copy(source: Path, target: Path, key: bytes) -> None:
    """SQLite's online backup in one step: one read transaction, so one moment."""
    try:
        reader = connector(source, key)()
    except sqlcipher3.DatabaseError as error:
        raise Refusal("store-damaged", str(error)) from error
    try:
        writer = connector(target, key)()
        try:
            reader.backup(writer)
            _mark(writer)
        finally:
            writer.close()
    except sqlcipher3.DatabaseError as error:
        raise Refusal("disk-full", f"{target}: {error}") from error
    finally:
        reader.close()


def _mark(writer: Any) -> None:
    """Let the copy say that it is one: put back, it has to be gone through (`server.restoring`)."""
    known = writer.execute("SELECT 1 FROM sqlite_master WHERE name = 'restoration'").fetchone()
    if known is None:
        return  # of an older version: `migrate` makes the table, an operator runs `restored`
    row = (PROVINCE, os.urandom(ID_BYTES), time.time_ns() // 1_000_000)
    writer.execute(
        "INSERT INTO restoration(office_id, restoration_id, begun_ms) VALUES (?, ?, ?)", row
    )
    writer.commit()


def prove(file: Path, key: bytes) -> None:
    """Check the seal of every page and the order of every table. Raises Refusal backup-damaged."""
    try:
        connection = connector(file, key)()
        try:
            broken = connection.execute("PRAGMA cipher_integrity_check").fetchall()
            (state,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlcipher3.DatabaseError as error:
        raise Refusal("backup-damaged", f"{file}: {error}") from error
    if broken or state != "ok":
        raise Refusal("backup-damaged", f"{file}: {broken[0][0] if broken else state}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
