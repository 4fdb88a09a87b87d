"""The hash chain of a journal and the ids derived from it (docs/protocol.md sections 2 and 3).

hash(0) = SHA-256("commune/journal/1" ‖ 0x00 ‖ device_id ‖ journal_id)
d(n)    = SHA-256(0x02 ‖ event bytes of n)
hash(n) = SHA-256(0x01 ‖ hash(n-1) ‖ d(n))

The leading bytes keep the three kinds of hash apart, so that none can stand for another.
"""

from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

_GENESIS = b"commune/journal/1\x00"
_LINK = b"\x01"
_EVENT = b"\x02"
_ID = b"commune/id/1"
_ID_MARKS = 8 << 76 | 2 << 62
_ID_BITS = (1 << 128) - 1 & ~(0xF << 76 | 3 << 62)
"""Version 8 stands in the upper half of byte 6, the variant in the upper two bits of byte 8."""


class Head(NamedTuple):
    """Sequence number and hash (32 bytes) of a journal's last event; (0, hash(0)) when empty."""

    seq: int
    hash: bytes


def genesis(device_id: bytes, journal_id: bytes) -> Head:
    """Return the head of an empty journal.

    For a desk journal `device_id` is the key id of the province's signing key that opened it.

    Raises:
        ValueError: `device_id` is not 32 bytes or `journal_id` not 16: two pairs of other lengths
            could otherwise run together to the same bytes.
    """
    if len(device_id) != 32 or len(journal_id) != 16:
        raise ValueError("a journal is named by 32 and 16 bytes")
    return Head(0, sha256(_GENESIS + device_id + journal_id).digest())


def event_digest(event: bytes) -> bytes:
    """Return d(n) of the exact bytes of one event; it outlives them when they are redacted."""
    return sha256(_EVENT + event).digest()


def link(previous: bytes, digest: bytes) -> bytes:
    """Return hash(n) from hash(n-1) and d(n)."""
    return sha256(_LINK + previous + digest).digest()


def extend(head: Head, event: bytes) -> Head:
    """Return the head after `event` was appended to a journal whose head is `head`."""
    return Head(head.seq + 1, link(head.hash, event_digest(event)))


def event_id(hash_: bytes) -> UUID:
    """Return the id of the event whose hash(seq) is `hash_`: a UUIDv8 (RFC 9562 section 5.8)."""
    digest = int.from_bytes(sha256(_ID + hash_).digest()[:16], "big")
    return UUID(int=digest & _ID_BITS | _ID_MARKS)
