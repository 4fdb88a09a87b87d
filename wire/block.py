"""A block of consecutive events of one journal: `events` of docs/protocol.md section 4.3.

`data` holds the events joined by 0x0A in one compressed frame; redacted events stand in `gone`
with their digest. Which of the two an event is in follows from its sequence number alone.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from wire import codec as codecs
from wire.cbor import Key, Value
from wire.chain import Head, event_digest, link
from wire.limits import (
    EVENTS_COUNT_MAX,
    EVENTS_PACKED_BYTES_MAX,
    EVENTS_PLAIN_BYTES_MAX,
    HASH_BYTES,
    SEQ_MAX,
)
from wire.problems import Malformed

_SEPARATOR = b"\n"


class Gone(NamedTuple):
    """A redacted event: what chain and bookkeeping still need of it.

    `day`, `kind` and `channel` are what reconciliation counts it under (section 9).
    """

    seq: int
    digest: bytes
    day: str
    kind: str
    channel: str


class EventsBlock(Struct, frozen=True):
    """A block as it travels: `prev` is hash(first-1), `data` one frame of codec `codec`.

    `extra` holds members that a later version added; they survive being read and written again.
    """

    first: int
    prev: bytes
    codec: int
    data: bytes
    gone: tuple[Gone, ...] = ()
    extra: Mapping[Key, Value] = {}


class ChainedEvent(NamedTuple):
    """One event of a block with its place in the chain: `event` or `gone` is None, never both."""

    seq: int
    event: bytes | None
    digest: bytes
    hash: bytes
    gone: Gone | None


def pack(
    first: int,
    prev: bytes,
    events: Sequence[bytes],
    *,
    gone: Sequence[Gone] = (),
    codec: int = codecs.D1_CODEC,
    level: int = 3,
) -> EventsBlock:
    """Return the block of `events` and `gone`, which together run from `first` without a hole.

    Raises:
        Malformed: no event at all, an event that is empty or holds 0x0A, `gone` out of order or
            out of range, or `too-large`: more than 65,536 events and gone ones, or more than
            4 MiB before or 1 MiB after compression.
        Refusal: `codec-unknown`.
    """
    for event in events:
        if not event or _SEPARATOR in event:
            raise Malformed("event-separator", "an event is empty or holds 0x0A")
    plain = _SEPARATOR.join(events)
    if len(plain) > EVENTS_PLAIN_BYTES_MAX:
        raise Malformed("too-large", f"{len(plain)} bytes before compression")
    block = EventsBlock(first, prev, codec, codecs.compress(plain, codec, level), tuple(gone))
    _check_frame(block)
    _check_places(block, len(events))
    return block


def unpack(block: EventsBlock, *, plain_limit: int = EVENTS_PLAIN_BYTES_MAX) -> list[ChainedEvent]:
    """Return the events of a block, chained from its `prev`, in order.

    Whether an event is I-JSON, known or allowed is not judged here: poison is stored as well.

    Raises:
        Malformed: the block breaks section 4.3, or holds more than `plain_limit` bytes.
        Refusal: `codec-unknown`.
    """
    _check_frame(block)
    plain = codecs.inflate(block.data, block.codec, plain_limit)
    # Cut no further than is allowed: what is beyond must not even become a list.
    events = plain.split(_SEPARATOR, EVENTS_COUNT_MAX) if plain else []
    if not all(events):
        raise Malformed("event-separator", "an event is empty")
    _check_places(block, len(events))
    return _chain(block, events)


def check_against(chained: Sequence[ChainedEvent], head: Head) -> None:
    """Judge the events of a message against the head it claims.

    Raises:
        Malformed: `above-head`: an event lies above `head`; `head-hash`: the last one is `head`
            and its hash is another.
    """
    if not chained:
        return
    last = chained[-1]
    if last.seq > head.seq:
        raise Malformed("above-head", f"event {last.seq}, head {head.seq}")
    if last.seq == head.seq and last.hash != head.hash:
        raise Malformed("head-hash", f"at {head.seq}")


def _check_frame(block: EventsBlock) -> None:
    if not 1 <= block.first <= SEQ_MAX:
        raise Malformed("seq", "first is no sequence number")
    if len(block.prev) != HASH_BYTES:
        raise Malformed("hash-length", "prev")
    if len(block.data) > EVENTS_PACKED_BYTES_MAX:
        raise Malformed("too-large", f"{len(block.data)} bytes after compression")


def _check_places(block: EventsBlock, events: int) -> None:
    """Judge that `gone` ascends within the block, so that every number has one event."""
    count = events + len(block.gone)
    if count == 0:
        raise Malformed("no-events")
    if count > EVENTS_COUNT_MAX:
        raise Malformed("too-large", f"more than {EVENTS_COUNT_MAX} events")
    last = block.first + count - 1
    if last > SEQ_MAX:
        raise Malformed("seq", "the last event is beyond every sequence number")
    before = block.first - 1
    for gone in block.gone:
        if not before < gone.seq <= last:
            raise Malformed("gone-place", f"{gone.seq} is out of order or out of the block")
        if len(gone.digest) != HASH_BYTES:
            raise Malformed("hash-length", f"gone {gone.seq}")
        before = gone.seq


def _chain(block: EventsBlock, events: Sequence[bytes]) -> list[ChainedEvent]:
    gone_at = {gone.seq: gone for gone in block.gone}
    present = iter(events)
    chained = []
    hash_ = block.prev
    for seq in range(block.first, block.first + len(events) + len(block.gone)):
        gone = gone_at.get(seq)
        if gone is None:
            event = next(present)
            digest = event_digest(event)
            hash_ = link(hash_, digest)
            chained.append(ChainedEvent(seq, event, digest, hash_, None))
        else:
            hash_ = link(hash_, gone.digest)
            chained.append(ChainedEvent(seq, None, gone.digest, hash_, gone))
    return chained
