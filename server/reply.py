"""The answer to a message: what the transaction found, packed, signed and sealed.

Packing and sealing need nothing from the database, so they happen after the commit and beside the
event loop; if they fail the device asks again and gets the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from server import signed
from server.desk import Part
from server.keys import ServerKeys
from server.sessions import Session
from wire import message, plaintext, short_plaintext, statements
from wire.block import EventsBlock, Gone, pack
from wire.codec import CODECS
from wire.keys import SealingPublicKey
from wire.limits import EVENTS_PACKED_BYTES_MAX
from wire.plaintext import Down, History
from wire.statements import DeviceRecord, Receipt, Revoked

ENVELOPE_BYTES = 1_536  # COSE, HPKE and the heads of the blocks
SMALL_PLAIN_BYTES = 64 << 10  # up to here level 19 takes less time than a slow link saves
LEVEL_SMALL, LEVEL_LARGE = 19, 9


class Past(Struct, frozen=True):
    """Own events given back to a `fetch`: they begin at `first` and follow `prev`."""

    device_id: bytes
    journal_id: bytes
    first: int
    prev: bytes
    events: tuple[bytes, ...]
    gone: tuple[Gone, ...] = ()


class Answer(Struct, frozen=True, kw_only=True):
    """What the transaction found. `down` lacks only what has to be packed and signed.

    `receipt` asks for a receipt statement; `budget` is the most bytes the device wants back.
    """

    down: Down
    receipt: Receipt | None
    desk: Part | None
    past: Past | None
    budget: int


def seal(answer: Answer, sealing_key: bytes, keys: ServerKeys, codecs: Sequence[int]) -> bytes:
    """Return the full message that answers, within its budget if that is possible at all."""
    return message.seal_full(
        plaintext.encode_down(_filled(answer, keys, codecs)),
        sender=keys.signing,
        receiver=SealingPublicKey(sealing_key),
        direction="down",
    )


def seal_in_session(
    answer: Answer, session: Session, keys: ServerKeys, codecs: Sequence[int], iv: bytes
) -> bytes:
    """Return the short message that answers a short one; `iv` is 12 fresh random bytes."""
    down = _filled(answer, keys, codecs)
    return session.keys.seal_down(
        short_plaintext.encode_short_down(down),
        device_id=session.device_id,
        request_hash=down.re,
        iv=iv,
    )


def _filled(answer: Answer, keys: ServerKeys, codecs: Sequence[int]) -> Down:
    """Return what is answered, packed and signed."""
    statement = statements.sign(answer.receipt, keys.signing) if answer.receipt else None
    down = answer.down
    record = signed.anew(keys, down.device, DeviceRecord)
    if down.verdict == "revoked":
        statement = signed.anew(keys, down.statement, Revoked)
    statement = statement or down.statement
    down = msgspec.structs.replace(down, statement=statement, device=record)
    taken = ENVELOPE_BYTES + len(plaintext.encode_down(down))
    room = min(answer.budget - taken, EVENTS_PACKED_BYTES_MAX)
    codec = max(set(codecs) & set(CODECS), default=0)
    history = _history(answer.past, room, codec) if answer.past else None
    if history is not None:
        room -= len(history.events.data)
    events, more = _desk_events(answer.desk, room, codec)
    return msgspec.structs.replace(
        down,
        events=events,
        history=history,
        next_after=1 if more else down.next_after,
    )


def _desk_events(part: Part | None, room: int, codec: int) -> tuple[EventsBlock | None, bool]:
    """Return as many desk events as fit, and whether some are left for the next answer."""
    if part is None or not part.events:
        return None, False
    events = part.events
    while events:
        packed = _pack(part.first, part.prev, events, codec)
        if len(packed.data) <= room:
            return packed, len(events) < len(part.events)
        events = events[: _fewer(len(events), len(packed.data), room)]
    return None, False  # not even one fits: the device has to widen its budget


def _history(past: Past, room: int, codec: int) -> History | None:
    events, gone = past.events, past.gone
    while events or gone:
        packed = _pack(past.first, past.prev, events, codec, gone)
        if len(packed.data) <= room:
            return History(past.device_id, past.journal_id, packed)
        last = past.first + _fewer(len(events) + len(gone), len(packed.data), room)
        gone = tuple(item for item in gone if item.seq < last)
        events = events[: last - past.first - len(gone)]
    return None


def _fewer(count: int, packed_bytes: int, room: int) -> int:
    """Return how many to try next: what should fit by proportion, at most half."""
    return min(count // 2, count * max(room, 0) // packed_bytes)


def _pack(
    first: int, prev: bytes, events: Sequence[bytes], codec: int, gone: Sequence[Gone] = ()
) -> EventsBlock:
    small = sum(map(len, events)) <= SMALL_PLAIN_BYTES
    level = LEVEL_SMALL if small else LEVEL_LARGE
    return pack(first, prev, events, gone=gone, codec=codec, level=level)
