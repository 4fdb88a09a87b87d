"""Scans that wait to be attached: captured and durable, of no dossier yet.

Two tables of the journal's own, for no event tells of a scan before it is attached:

- `scan`: one row a waiting scan, with what opens its blob; attaching or discarding removes it
- `scan_source`: a file of the scan folder that was captured and is not known to be removed from
  there; it is written with the scan's row, so no kill makes two scans of one file
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from agent.journal.database import Connection
from records.documents import Captured
from records.moment import local
from wire.problems import Refusal

PATH: Final = "scan:"
"""`path` of `document.attach` that begins so names a waiting scan by its id."""


class WaitingScan(msgspec.Struct, frozen=True, kw_only=True):
    """A scan as it is listed: what the file was called, and when it was captured (RFC 3339)."""

    id: str
    name: str
    at: str
    bytes: int
    media_type: str
    pages: int | None


class Source(NamedTuple):
    """A captured file as it lay in the folder: `mtime_ns` since the epoch, SHA-256 of its bytes."""

    file: bytes
    size: int
    mtime_ns: int
    sha256: bytes


def add(connection: Connection, name: str, captured: Captured, source: Source, now_ms: int) -> bool:
    """Note a captured scan and its file; False when the same file waits already."""
    connection.execute("INSERT OR REPLACE INTO scan_source VALUES (?, ?, ?, ?)", source)
    known = "SELECT 1 FROM scan WHERE sha256 = ?"
    if connection.execute(known, (source.sha256,)).fetchone() is not None:
        return False
    connection.execute(
        "INSERT INTO scan(blob, name, at_ms, sha256, captured) VALUES (?, ?, ?, ?, ?)",
        (
            bytes.fromhex(captured.blob_id),
            name,
            now_ms,
            source.sha256,
            msgspec.json.encode(captured),
        ),
    )
    return True


def waiting(connection: Connection) -> tuple[WaitingScan, ...]:
    """Return every waiting scan, newest first."""
    rows = connection.execute("SELECT name, at_ms, captured FROM scan ORDER BY no DESC")
    return tuple(_shown(*row) for row in rows.fetchall())


def find(connection: Connection, scan: str) -> tuple[str, Captured] | None:
    """Return the name and the blob of a waiting scan, None when it waits no more."""
    query = "SELECT name, captured FROM scan WHERE blob = ?"
    row = connection.execute(query, (_id(scan),)).fetchone()
    return None if row is None else (row[0], msgspec.json.decode(row[1], type=Captured))


def named(connection: Connection, path: str) -> Captured | None:
    """Return the scan that the path of a command names; None when it names none.

    Raises Refusal scan-unknown when it waits no more.
    """
    if not path.startswith(PATH):
        return None
    found = find(connection, path.removeprefix(PATH))
    if found is None:
        raise Refusal("scan-unknown")
    return found[1]


def is_waiting(connection: Connection, blob_id: str) -> bool:
    """Tell whether a blob is a waiting scan's."""
    return find(connection, blob_id) is not None


def forget(connection: Connection, scan: str) -> bool:
    """Let a scan wait no more; False when it did not."""
    done = connection.execute("DELETE FROM scan WHERE blob = ?", (_id(scan),))
    return int(done.rowcount) > 0


def attached(connection: Connection, path: str) -> None:
    """Note that an event tells of the scan that a command's path names, if it names one."""
    if path.startswith(PATH):
        forget(connection, path.removeprefix(PATH))


def sources(connection: Connection) -> Mapping[bytes, Source]:
    """Return the captured files that may still lie in the folder, by their names."""
    rows = connection.execute("SELECT file, size, mtime_ns, sha256 FROM scan_source").fetchall()
    return {row[0]: Source(*row) for row in rows}


def forget_sources(connection: Connection, files: Sequence[bytes]) -> None:
    """Note that captured files lie in the folder no more."""
    for file in files:
        connection.execute("DELETE FROM scan_source WHERE file = ?", (file,))


def _shown(name: str, at_ms: int, captured: bytes) -> WaitingScan:
    blob = msgspec.json.decode(captured, type=Captured)
    return WaitingScan(
        id=blob.blob_id,
        name=name,
        at=local(at_ms).isoformat(),
        bytes=blob.bytes,
        media_type=blob.media_type,
        pages=blob.pages,
    )


def _id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
