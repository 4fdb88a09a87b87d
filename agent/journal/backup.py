"""A consistent copy while everything runs, and putting one back while nothing does.

The copy is encrypted under the same key: a backup without `journal.key` is noise, so keep that key
somewhere else. It is written beside its target, made durable, then renamed, so that a file with
the right name is always a whole one.
"""

import contextlib
import errno
import os
import shutil
from pathlib import Path
from typing import Final

from agent.journal import database
from agent.journal.database import DatabaseError, sync_directory
from agent.journal.transaction import set_meta
from agent.journal.verify import verify
from wire.event import format_time
from wire.problems import Refusal
from wire.texts import Text, load

BACKUP_AT: Final = "backup_at_ms"
"""In `meta`: when the last whole copy of this file was begun."""
BEGAN_AT: Final = "backup_began_ms"
"""In `meta`: when the newest copy was begun; a copy tells by it how old it is."""
KEYS_SINCE: Final = "keys_since"
RUNNING_BOOT: Final = "running_boot"
"""In `meta`: the boot in which a daemon runs or was killed; a copy tells nothing of that."""
TEXTS: Final = load("agent", "messages_core.toml")
NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
WHY: Final = {
    errno.ENOENT: "no-directory",
    errno.ENOTDIR: "no-directory",
    errno.EACCES: "no-permission",
    errno.EPERM: "no-permission",
    errno.EROFS: "read-only",
}
"""Reasons that people can act on; the others are told as the system says them."""
COPY_CHUNK_BYTES: Final = 1 << 20


def backup(source: Path, key: bytes, target: Path) -> int:
    """Copy the journal at `source` to `target`, beside a running daemon; return the bytes written.

    Runs long: give it a thread. Raises Refusal: `file-exists`, `disk-full`, `file-unwritable`,
    `journal-damaged` when what is copied is not whole, `backup-damaged` when only the copy is not.
    """
    if os.path.lexists(target):
        raise Refusal("file-exists", str(target))
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        partial.unlink(missing_ok=True)
        _copy(source, key, partial)
        _prove_copy(partial, key, source, target)
        sync_file(partial)
        size = partial.stat().st_size
        os.link(partial, target)  # unlike a rename, never replaces what came in between
    except FileExistsError:
        raise Refusal("file-exists", str(target)) from None
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    sync_directory(target.parent)
    return size


def _copy(source: Path, key: bytes, partial: Path) -> None:
    """SQLite's online backup in one step: one read transaction, so one moment.

    Not VACUUM INTO: its file would get the cipher settings of the process, not of the source.
    """
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    reader = database.open_reader(source, key)
    try:
        writer = database.connect(partial, key, mode="rw")
        try:
            writer.execute("PRAGMA synchronous = OFF")  # made durable as a whole, afterwards
            reader.backup(writer)
        finally:
            writer.close()
    except DatabaseError as error:
        refusal = database.refusal_of(error)
        raise Refusal(refusal.code, f"{source}: {error}") from error
    finally:
        reader.close()


def _unwritable(target: Path, error: OSError) -> Refusal:
    """Say why a file cannot be written where it was asked for."""
    if error.errno in NO_ROOM:
        return Refusal("disk-full", f"{target}: {error.strerror}")
    why = TEXTS.get(f"file.{WHY.get(error.errno or 0, '')}")
    reason = why or Text(str(error.strerror), str(error.strerror))
    return Refusal("file-unwritable", TEXTS["file.why"].format(file=target, reason=reason))


def _prove_copy(partial: Path, key: bytes, source: Path, target: Path) -> None:
    """Prove a fresh copy; one that is not whole is told by the journal's damage, if it has any."""
    try:
        prove(partial, key)
    except Refusal as refusal:
        if refusal.code != "backup-damaged":
            raise
        _look_at_source(source, key)
        raise Refusal("backup-damaged", str(target)) from refusal


def _look_at_source(source: Path, key: bytes) -> None:
    """Look at the journal itself, beside its daemon. Raises Refusal `journal-damaged`."""
    reader = database.open_reader(source, key)
    try:
        database.look_over(reader)
        report = verify(reader)
    except Refusal as refusal:
        raise Refusal(refusal.code, f"{source}: {refusal.detail.en}") from refusal
    finally:
        reader.close()
    if not report.ok:
        found = report.damages[0]
        raise Refusal("journal-damaged", f"{source}: {found.what} {found.seq or ''} {found.detail}")


def prove(file: Path, key: bytes) -> None:
    """Look at a copy as a whole, changing nothing.

    Raises Refusal: `backup-damaged`, `schema-newer`.
    """
    try:
        database.check(file, key)
        connection = database.connect(file, key, mode="ro", immutable=True)
    except Refusal as refusal:
        if refusal.code == "schema-newer":
            raise
        raise Refusal("backup-damaged", f"{file}: {refusal.detail.en or refusal.code}") from refusal
    try:
        report = verify(connection, alone=True)
    finally:
        connection.close()
    if not report.ok:
        found = report.damages[0]
        raise Refusal("backup-damaged", f"{file}: {found.what} {found.seq or ''} {found.detail}")


def restore(backup_file: Path, key: bytes, target: Path, now_ms: int) -> Path | None:
    """Put a copy in the place of the journal at `target`; the daemon must be stopped.

    The copy is proven first. What stood there is kept beside it; its new name is returned (None
    when there was nothing). The answers to keyed commands are now as old as the copy: results say
    so from here on. Raises Refusal as `prove`, or `file-unreadable`.
    """
    if not backup_file.is_file():
        raise Refusal("file-unreadable", str(backup_file))
    prove(backup_file, key)
    fresh = target.with_name(f".{target.name}.restored")
    fresh.unlink(missing_ok=True)
    _write_durably(backup_file, fresh)
    _note_restored(fresh, key, backup_file)
    aside = set_aside(target, key, now_ms)
    fresh.rename(target)  # until here the old journal stood under this name, from here the copy
    sync_directory(target.parent)
    return aside


def _write_durably(source: Path, target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with source.open("rb") as reader, os.fdopen(descriptor, "wb") as writer:
        shutil.copyfileobj(reader, writer, COPY_CHUNK_BYTES)
        writer.flush()
        os.fsync(writer.fileno())


def _note_restored(file: Path, key: bytes, source: Path) -> None:
    """Write into the copy since when its table of keys tells nothing."""
    connection = database.open_writer(file, key)
    try:
        row = connection.execute("SELECT max(at_s) FROM answered").fetchone()
        newest_ms = int(source.stat().st_mtime * 1000) if row[0] is None else row[0] * 1000
        made = connection.execute("SELECT value FROM meta WHERE key = ?", (BEGAN_AT,)).fetchone()
        connection.execute("BEGIN IMMEDIATE")
        set_meta(connection, KEYS_SINCE, format_time(made[0] if made else newest_ms))
        connection.execute("DELETE FROM meta WHERE key = ?", (RUNNING_BOOT,))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def set_aside(target: Path, key: bytes, now_ms: int) -> Path | None:
    """Give the file a second name, never over anything, and take its WAL out of the way.

    The first name stays: there is no moment at which a daemon would find no journal, or a sound
    one without the records that a killed daemon left in its WAL.
    """
    if not target.exists():
        return None
    _fold_in(target, key)
    stamp = format_time(now_ms)[:19].replace(":", "").replace("-", "")
    aside = target.with_name(f"{target.name}.replaced-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = target.with_name(f"{target.name}.replaced-{stamp}-{number}")
    os.link(target, aside)
    for suffix in ("-wal", "-shm"):
        part = target.with_name(target.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    sync_directory(target.parent)
    return aside


def _fold_in(file: Path, key: bytes) -> None:
    """Fold the WAL into its file; a journal that no daemon would start on stays as it is.

    Raises Refusal `disk-full`, `disk-failed`.
    """
    try:
        connection = database.open_writer(file, key)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
    except DatabaseError as error:
        refusal = database.refusal_of(error)
        if refusal.code != "journal-damaged":
            raise refusal from error
    except Refusal as refusal:
        if refusal.code not in {"journal-damaged", "key-wrong", "schema-newer"}:
            raise


def sync_file(file: Path) -> None:
    """Make a file's content durable."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
