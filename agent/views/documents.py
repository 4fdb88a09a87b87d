"""Documents by the id of their blob: which event opens them, and whether the province has them.

That a blob arrived stands in the journal's own table `arrived`, because no event tells it; this
view repeats it beside what is needed to choose the next upload.
"""

from typing import Final, NamedTuple

from agent.journal.database import Connection
from agent.views import stored
from agent.views.stored import ReadEvent
from records.office_events import DocumentAttached
from records.sync_report import BlobBacklog
from wire.blob import sealed_bytes

ID_BYTES: Final = 32


class WaitingBlob(NamedTuple):
    """A blob the province is not known to hold: its id, its size in bytes, whether it is urgent."""

    blob_id: bytes
    size: int
    urgent: bool


def check(body: DocumentAttached) -> bytes:
    """Return the id of a document's blob. Raises ValueError when an event names none."""
    blob_id = bytes.fromhex(body.blob_id)
    if len(blob_id) != ID_BYTES or body.bytes < 0:
        raise ValueError("no blob")
    return blob_id


def add(connection: Connection, read: ReadEvent, body: DocumentAttached, *, urgent: bool) -> None:
    """Enter the document an event tells of; the first event that does opens it."""
    blob_id = check(body)
    arrived = connection.execute("SELECT 1 FROM arrived WHERE blob = ?", (blob_id,)).fetchone()
    connection.execute(
        "INSERT OR IGNORE INTO document(id, pos, bytes, urgent, waiting, file)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            blob_id,
            read.stored.pos,
            sealed_bytes(body.bytes),
            int(urgent),
            int(arrived is None),
            bytes.fromhex(body.sha256)[:8],
        ),
    )


def find(connection: Connection, blob_id: str) -> DocumentAttached | None:
    """Return what opens a document; None when there is no such one, or its event is forgotten."""
    if not _is_there(connection):
        return None
    key = _id(blob_id)
    row = connection.execute("SELECT pos FROM document WHERE id = ?", (key,)).fetchone()
    return None if row is None else _body(connection, row[0])


def is_known(connection: Connection, blob_id: str) -> bool:
    """Tell whether an event tells of a blob."""
    if not _is_there(connection):
        return False
    row = connection.execute("SELECT 1 FROM document WHERE id = ?", (_id(blob_id),)).fetchone()
    return row is not None


def same_file(connection: Connection, sha256: str, size: int) -> DocumentAttached | None:
    """Return a document that holds the same file, None when there is none."""
    if not _is_there(connection):
        return None
    rows = connection.execute(
        "SELECT pos FROM document WHERE file = ?", (bytes.fromhex(sha256)[:8],)
    )
    bodies = (_body(connection, pos) for (pos,) in rows.fetchall())
    return next((b for b in bodies if b and (b.sha256, b.bytes) == (sha256, size)), None)


def is_arrived(connection: Connection, blob_id: str) -> bool:
    """Tell whether the province said that it holds a blob whole."""
    row = connection.execute("SELECT 1 FROM arrived WHERE blob = ?", (_id(blob_id),)).fetchone()
    return row is not None


def waiting(connection: Connection, limit: int, *, delivered: bool = True) -> list[WaitingBlob]:
    """Return blobs the province is not known to hold: urgent ones first, then the smallest.

    `delivered`: only those whose event is; the province takes nothing it has not heard of.
    """
    if not _is_there(connection):
        return []
    rows = connection.execute(
        "SELECT d.id, d.bytes, d.urgent FROM document d JOIN event e ON e.pos = d.pos"
        " WHERE d.waiting = 1 AND (NOT ? OR e.seq <="
        " (SELECT coalesce(max(seq), 0) FROM delivered v WHERE v.journal = e.journal))"
        " ORDER BY d.urgent DESC, d.bytes, d.pos LIMIT ?",
        (delivered, limit),
    )
    return [WaitingBlob(blob_id, size, bool(urgent)) for blob_id, size, urgent in rows]


def backlog(connection: Connection, now_ms: int) -> BlobBacklog:
    """Count what the province is not known to hold, with its bytes and the age of the oldest."""
    count, size, first = connection.execute(
        "SELECT count(*), coalesce(sum(bytes), 0), min(pos) FROM document WHERE waiting = 1"
    ).fetchone()
    oldest = None if first is None else stored.at(connection, first)
    read = None if oldest is None else stored.read(oldest)
    age_s = None if read is None else max(0, now_ms - read.at_ms) // 1000
    return BlobBacklog(count=count, bytes=size, oldest_age_s=age_s)


def count_waiting(connection: Connection) -> int:
    """Return how many blobs the province is not known to hold."""
    if not _is_there(connection):
        return 0
    row = connection.execute("SELECT count(*) FROM document WHERE waiting = 1").fetchone()
    return int(row[0])


def set_arrived(connection: Connection, blob_id: bytes, at_ms: int) -> None:
    """Note that the province holds a blob whole."""
    connection.execute("INSERT OR IGNORE INTO arrived VALUES (?, ?)", (blob_id, at_ms))
    if _is_there(connection):
        connection.execute("UPDATE document SET waiting = 0 WHERE id = ?", (blob_id,))


def set_wanted(connection: Connection, blob_id: bytes) -> None:
    """Note that the province lacks a blob, whatever it said before."""
    connection.execute("DELETE FROM arrived WHERE blob = ?", (blob_id,))
    if _is_there(connection):
        connection.execute("UPDATE document SET waiting = 1 WHERE id = ?", (blob_id,))


def _is_there(connection: Connection) -> bool:
    """Whether the view is: the tables of an older version have no documents until a rebuild."""
    query = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'document'"
    return connection.execute(query).fetchone() is not None


def _id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _body(connection: Connection, pos: int) -> DocumentAttached | None:
    event = stored.at(connection, pos)
    read = None if event is None else stored.read(event)
    body = None if read is None else read.body
    return body if isinstance(body, DocumentAttached) else None
