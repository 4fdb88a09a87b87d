"""Builds the next message: `up` of docs/protocol.md section 4.3, signed and sealed.

Pure but for the sealing's fresh randomness; compressing and sealing take up to a second, so it
runs on a thread of its own, never on the event loop. A message is made anew for every try, so
what a failed one carried is never half remembered. Whether it is full or short is `session`'s to
say; what a session has said already, a short one leaves out (section 4.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from agent.clock import Clock, boot_mark
from agent.keys import Enrolment
from agent.sync.pacing import LEVEL_SQUEEZE, Batch, Load
from agent.sync.session import Envelope
from agent.sync.store import Outgoing
from wire import message, plaintext, statements
from wire.block import EventsBlock, Gone, pack
from wire.chain import Head
from wire.codec import CODECS, D1_CODEC, compress
from wire.keys import SealingPublicKey
from wire.limits import EVENTS_PACKED_BYTES_MAX
from wire.plaintext import BlobState, Fetch, Up
from wire.problems import Malformed
from wire.short_plaintext import Standing, encode_short_up
from wire.statements import HeadStatement

OVERSHOOT = 2
"""A batch may come out this much larger than aimed at before it is cut and packed again."""
BUDGET_BYTES_MIN = 64 << 10
"""Most bytes wanted back, at least: the policy of an emergency must get through any line."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What this message says beside the journal's state.

    `mending`: turn of a stale answer, good only together with `was`. `introduce`: the province
    did not know the sender, so the device record goes along; either needs a full message.
    `fetch`: number of the first own event that is wanted back, and nothing is sent meanwhile;
    `branch`: the province's events of a former journal, for reading. `gives_back`: desk events that
    the province has lost, in place of own ones.
    `prove`: the answer is to bring a receipt statement, which a full one does anyway.
    `report` is JSON, `days` CBOR. `box`: what is shown of the box, None to leave it out; `new_box`:
    it is shown for the first time, which a full message does.
    """

    mending: bytes | None = None
    introduce: bool = False
    fetch: int | None = None
    branch: Fetch | None = None
    report: bytes | None = None
    days: bytes | None = None
    prove: bool = False
    box: bytes | None = None
    new_box: bool = False
    gives_back: bool = False
    blobs: tuple[BlobState, ...] = ()

    @property
    def full(self) -> bool:
        """Whether only a full message can say this."""
        mends = self.mending is not None or self.introduce
        return mends or self.fetch is not None or self.gives_back or self.new_box


@dataclass(frozen=True, slots=True)
class Built:
    """One message ready to go; `request` is what its answer must name."""

    message: bytes
    request: bytes
    load: Load
    last_seq: int
    """The last event in it; that before the first when there is none."""
    envelope: Envelope
    proves: bool
    """Its answer is to bring a receipt statement."""
    standing: Standing
    """What a short message left out, and its answer leaves out too."""
    named: tuple[BlobState, ...] = ()
    """Blobs it asks about."""


class Builder:
    """Makes this device's messages."""

    def __init__(self, enrolment: Enrolment, clock: Clock) -> None:
        self._enrolment = enrolment
        self._clock = clock
        self._receiver = SealingPublicKey(enrolment.province.sealing_key)

    def _standing(self, outgoing: Outgoing) -> Standing:
        """Return what every short message about this desk journal leaves out."""
        identity = self._enrolment.identity
        boot = boot_mark(self._clock, identity.device_id)
        desk = outgoing.desk or identity.desk
        return Standing(identity.office_id, identity.journal, desk, boot)

    def build(self, outgoing: Outgoing, batch: Batch, extras: Extras, envelope: Envelope) -> Built:
        """Return a message with as many events as `batch` allows, wrapped as `envelope` says."""
        packed = pack_within(outgoing, batch)
        standing = self._standing(outgoing)
        back = outgoing.returning
        returned = Packed() if back is None else _pack_items(back.start, back.items, batch)
        up = Up(
            **standing._asdict(),
            head=outgoing.head,
            events=packed.block,
            cursor=outgoing.cursor,
            turn=extras.mending or outgoing.turn,
            was=outgoing.turn if extras.mending else None,
            now=max(self._clock.now_ms(), 0),
            clock=self._clock.state(),
            budget=min(max(batch.packed_bytes, BUDGET_BYTES_MIN), EVENTS_PACKED_BYTES_MAX),
            codecs=CODECS,
            report=_packed_report(extras.report),
            days=extras.days,
            fetch=self._wanted(extras.fetch) or extras.branch,
            prove=extras.prove and envelope.session is not None,
            returned=returned.block,
            proof=None if back is None else back.proof,
            blobs=extras.blobs,
        )
        if envelope.session is not None:
            text, device_id = encode_short_up(up), self._enrolment.identity.device_id
            sealed = envelope.session.seal_up(text, device_id=device_id, iv=envelope.iv)
        else:
            record = outgoing.record or self._enrolment.record_cose
            shown = msgspec.structs.replace(up, box=extras.box, session=envelope.offer)
            sealed = self._in_full(shown, record if extras.introduce else None)
        carried = packed if back is None else returned
        load = Load(carried.plain_bytes, carried.packed_bytes, up_bytes=len(sealed))
        last_seq = outgoing.start.seq + packed.count
        proves = up.prove or envelope.session is None
        return Built(
            sealed, message.request_hash(sealed), load, last_seq, envelope, proves, standing
        )

    def _wanted(self, first: int | None) -> Fetch | None:
        identity = self._enrolment.identity
        return None if first is None else Fetch(identity.device_id, identity.journal, first)

    def _in_full(self, up: Up, record: bytes | None) -> bytes:
        key = self._enrolment.device_key
        head = HeadStatement(up.journal, *up.head)
        whole = msgspec.structs.replace(up, statement=statements.sign(head, key))
        return message.seal_full(
            plaintext.encode_up(whole),
            sender=key,
            receiver=self._receiver,
            direction="up",
            device_record=record,
        )


def _packed_report(report: bytes | None) -> bytes | None:
    return None if report is None else compress(report, D1_CODEC, LEVEL_SQUEEZE)


@dataclass(frozen=True, slots=True)
class Packed:
    """The first `count` events of what waits, as they travel; no block when nothing waits."""

    block: EventsBlock | None = None
    count: int = 0
    plain_bytes: int = 0

    @property
    def packed_bytes(self) -> int:
        """Size after compression."""
        return len(self.block.data) if self.block else 0


def pack_within(outgoing: Outgoing, batch: Batch) -> Packed:
    """Pack as many of the waiting events as `batch` allows, at least one if there is any.

    How well events compress is known only afterwards: what comes out much too large is cut in
    proportion and packed again.
    """
    return _pack_items(outgoing.start, outgoing.items, batch)


def _pack_items(start: Head, waiting: Sequence[bytes | Gone], batch: Batch) -> Packed:
    count = len(waiting)
    while count:
        items = waiting[:count]
        bodies = [item for item in items if not isinstance(item, Gone)]
        gone = [item for item in items if isinstance(item, Gone)]
        try:
            first = start.seq + 1
            block = pack(first, start.hash, bodies, gone=gone, level=batch.level)
        except Malformed as error:
            if error.reason != "too-large" or count == 1:
                raise
            count //= 2
            continue
        size = len(block.data)
        if size <= batch.packed_bytes * OVERSHOOT or count == 1:
            return Packed(block, count, sum(map(len, bodies)) + len(bodies))
        count = max(1, min(count - 1, count * batch.packed_bytes // size))
    return Packed()
