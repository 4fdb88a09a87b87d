"""Raw limits: what the parts below us do with the same bytes, with nothing of ours around them."""

import gzip
import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import zstandard
from sqlcipher3 import dbapi2 as sqlcipher

from wire.codec import D1

SQLITE: ModuleType = sqlite3
SQLCIPHER: ModuleType = sqlcipher
LEVEL = 19
GZIP_LEVEL = 9
TABLE = "CREATE TABLE event(pos INTEGER PRIMARY KEY, body BLOB NOT NULL)"
INSERT = "INSERT INTO event(body) VALUES (?)"


def zstd_bytes(events: Sequence[bytes]) -> int:
    """Return the size of the events in one zstd frame, level 19 with D1, no envelope."""
    dictionary = zstandard.ZstdCompressionDict(D1)
    compressor = zstandard.ZstdCompressor(
        level=LEVEL, dict_data=dictionary, write_checksum=False, write_dict_id=False
    )
    return len(compressor.compress(b"\n".join(events)))


def gzip_bytes(events: Sequence[bytes]) -> int:
    """Return the size of the events after gzip -9."""
    return len(gzip.compress(b"\n".join(events), GZIP_LEVEL, mtime=0))


def insert_rate(
    module: ModuleType, file: Path, events: Sequence[bytes], batch: int, seconds: float
) -> float:
    """Return events a second into one table of a fresh database, `batch` a commit.

    WAL and synchronous=FULL as in the journal, without a key. Stops after `seconds`.
    """
    connection = module.connect(str(file), isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(TABLE)
        done, began = 0, time.perf_counter()
        while done < len(events) and time.perf_counter() - began < seconds:
            rows = [(event,) for event in events[done : done + batch]]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(INSERT, rows)
            connection.execute("COMMIT")
            done += len(rows)
        return done / (time.perf_counter() - began)
    finally:
        connection.close()
        for path in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
            path.unlink(missing_ok=True)


def commit_times(file: Path, events: Sequence[bytes]) -> list[float]:
    """Return the seconds of each commit of one event in stdlib SQLite, WAL and FULL."""
    connection = sqlite3.connect(str(file), isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(TABLE)
        took = []
        for event in events:
            began = time.perf_counter()
            connection.execute(INSERT, (event,))
            took.append(time.perf_counter() - began)
        return took
    finally:
        connection.close()
        for path in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
            path.unlink(missing_ok=True)


def fsync_times(file: Path, events: Sequence[bytes]) -> list[float]:
    """Return the seconds of each append and fdatasync of one event."""
    took = []
    with file.open("wb", buffering=0) as out:
        for event in events:
            began = time.perf_counter()
            out.write(event)
            os.fdatasync(out.fileno())
            took.append(time.perf_counter() - began)
    file.unlink()
    return took
