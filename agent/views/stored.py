"""Reading events as the views need them: where they stand, and what they say."""

from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from agent.journal.database import Connection
from records.events import UnknownKind, decode_body
from wire import chain
from wire import event as wire_event
from wire.event import Event
from wire.problems import Malformed, Refusal

ID: Final = b"commune/id/1"
KEY_BYTES: Final = 6
"""Six bytes are a small integer in the file, and name one of a million subjects nearly always
alone; the hash of the event decides."""
COLUMNS: Final = "e.pos, e.journal, e.seq, e.hash, e.body"


class StoredEvent(NamedTuple):
    """One event as it lies in the file. `data` is None once its retention is over."""

    pos: int
    journal: int
    seq: int
    hash: bytes
    data: bytes | None

    @property
    def id(self) -> UUID:
        """The event's id."""
        return chain.event_id(self.hash)


class ReadEvent(NamedTuple):
    """A stored event with its members; `body` is None when this version cannot read it."""

    stored: StoredEvent
    event: Event
    at_ms: int
    body: msgspec.Struct | None


def read(stored: StoredEvent) -> ReadEvent | None:
    """Read a stored event's members; None when there are none to read (poison, or forgotten)."""
    if stored.data is None:
        return None
    try:
        event = wire_event.decode(stored.data)
        at_ms = wire_event.parse_time(event.at)
    except Malformed:
        return None
    return ReadEvent(stored, event, at_ms, body_or_none(event))


def body_or_none(event: Event) -> msgspec.Struct | None:
    """Decode the body of an event; None when the kind is not known here or the body is wrong."""
    try:
        return decode_body(event.kind, event.body)
    except (UnknownKind, Refusal):
        return None


def at(connection: Connection, pos: int) -> StoredEvent | None:
    """The event at a position."""
    row = connection.execute(f"SELECT {COLUMNS} FROM event e WHERE pos = ?", (pos,)).fetchone()  # noqa: S608
    return StoredEvent(*row) if row else None


def between(connection: Connection, after_pos: int, count: int) -> list[StoredEvent]:
    """Up to `count` events of both journals behind a position, in their order of arrival."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM event e WHERE pos > ? ORDER BY pos LIMIT ?",  # noqa: S608
        (after_pos, count),
    )
    return [StoredEvent(*row) for row in rows]


def pos_of(connection: Connection, journal: int, seq: int) -> int | None:
    """Position of an event of a journal."""
    row = connection.execute(
        "SELECT pos FROM event WHERE journal = ? AND seq = ?", (journal, seq)
    ).fetchone()
    return int(row[0]) if row else None


def subject_key(hash_: bytes) -> int:
    """The short form under which a subject is looked up, from its hash in the chain.

    It is the first 6 bytes of the id (docs/protocol.md section 3): those behind are marked as a
    UUID's, these are the digest's own.
    """
    return int.from_bytes(sha256(ID + hash_).digest()[:KEY_BYTES], "big")


def key_of_id(id_: UUID) -> int:
    """The short form of an id that somebody names."""
    return int.from_bytes(id_.bytes[:KEY_BYTES], "big")


def pos_of_id(connection: Connection, id_: UUID) -> int | None:
    """Position of the creating event with that id; the short form finds, the hash decides.

    One that was entered anew is found by its former id too.
    """
    for pos, hash_, body in connection.execute(
        "SELECT s.pos, e.hash, e.body FROM subject s JOIN event e ON e.pos = s.pos WHERE s.key = ?",
        (key_of_id(id_),),
    ):
        if chain.event_id(hash_) == id_ or _was(body) == id_:
            return int(pos)
    return None


def _was(body: bytes | None) -> UUID | None:
    """The id that an event entered anew had before."""
    try:
        again = None if body is None else wire_event.decode(body).again
    except Malformed:
        return None
    return None if again is None else parse_id(again)


def parse_id(text: str) -> UUID | None:
    """A UUID as people and programs write it, None when the text is none."""
    if len(text) != 36:
        return None
    try:
        return UUID(text)
    except ValueError:
        return None
