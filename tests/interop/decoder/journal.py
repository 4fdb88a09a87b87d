"""The hash chain (section 2), event ids (section 3), `events` (section 4.3)."""

import hashlib
from typing import NamedTuple

from .cbor_strict import Value, loads
from .frames import inflate
from .plaintext import EVENTS
from .refused import need, refuse

LAST_SEQ = 2**53 - 1
CONTENT_LIMIT = 4 * 1024 * 1024
COUNT_LIMIT = 65_536


class Head(NamedTuple):
    """A place in a journal."""

    seq: int
    hash: bytes


def start(device_id: bytes, journal_id: bytes) -> bytes:
    """hash(0)."""
    need(len(device_id) == 32 and len(journal_id) == 16, "size of an id")
    return hashlib.sha256(b"commune/journal/1\x00" + device_id + journal_id).digest()


def digest(event: bytes) -> bytes:
    """d(n)."""
    return hashlib.sha256(b"\x02" + event).digest()


def link(before: bytes, d: bytes) -> bytes:
    """hash(n)."""
    return hashlib.sha256(b"\x01" + before + d).digest()


def event_id(at: bytes) -> bytes:
    """Give the UUIDv8 of the event with this hash."""
    raw = bytearray(hashlib.sha256(b"commune/id/1" + at).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    return bytes(raw)


def split(content: bytes) -> list[bytes]:
    """Part events joined by 0x0A; nothing gives none, an empty event is refused."""
    if not content:
        return []
    found = content.split(b"\n")
    need(all(found), "an empty event")
    return found


def chain(before: bytes, events: list[bytes]) -> bytes:
    """Give the hash of the last event."""
    for event in events:
        before = link(before, digest(event))
    return before


def read_events(data: bytes, head: Head | None = None) -> bytes:
    """Check an `events` map by itself, against the message's head if given; its last hash."""
    value = loads(data)
    EVENTS(value)
    if not isinstance(value, dict):
        refuse("not a map")
    match value:
        case {"first": int(first), "prev": bytes(prev), "codec": int(codec), "data": bytes(frame)}:
            events = split(inflate(frame, codec, CONTENT_LIMIT))
            gone = _gone(value.get("gone", []))
        case _:
            refuse("events")
    count = len(events) + len(gone)
    need(count, "no events")
    need(count <= COUNT_LIMIT, "too many events")
    last = first + count - 1
    need(first >= 1 and last <= LAST_SEQ, "sequence numbers")
    need(all(first <= seq <= last for seq, _ in gone), "gone outside of the block")
    d = dict(gone)
    rest = iter(events)
    for seq in range(first, last + 1):
        prev = link(prev, d[seq] if seq in d else digest(next(rest)))
    if head:
        need(last <= head.seq, "above the head")
        need(last < head.seq or prev == head.hash, "the head has another hash")
    return prev


def _gone(value: Value) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    for row in value if isinstance(value, list) else []:
        match row:
            case [int(seq), bytes(d), *_]:
                need(not found or found[-1][0] < seq, "gone out of order")
                found.append((seq, d))
            case _:
                refuse("gone")
    return found
