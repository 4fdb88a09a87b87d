"""Messages that travel by stick (docs/protocol.md sections 5 and 8).

The very messages of the line, always full. Each one that leaves is written down before it does and
stays open until it is answered, for weeks. An answer counts like one to an open network request
only if it answers the newest message this device has made at all; any other may only raise the
delivered mark, append desk events, or bring a signed revocation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from agent.clock import Clock
from agent.journal import Journal, Transaction, salvaged
from agent.journal.database import Connection
from agent.keys import JOURNAL_ID_BYTES, Enrolment
from agent.sync import faults, own_box, receipts, store, successor
from agent.sync.answer import Answer, examine, open_down
from agent.sync.builder import Builder, Built, Extras
from agent.sync.pacing import LEVEL_SQUEEZE, SQUEEZED_PLAIN_BYTES_MAX, Batch, Load
from agent.sync.report import Reporter, Told
from agent.sync.session import Envelope
from agent.sync.transport import ExchangeError
from wire.chain import Head
from wire.limits import EVENTS_PACKED_BYTES_MAX
from wire.message import parse_full
from wire.problems import Malformed, Refusal

OPEN_MAX = 2_000
"""Exported messages that stay open; beyond it the oldest are forgotten: they were sent anew."""
BATCH = Batch(EVENTS_PACKED_BYTES_MAX, SQUEEZED_PLAIN_BYTES_MAX, LEVEL_SQUEEZE)

Fate = Literal["taken", "repeated", "foreign"]
"""What became of a file: it counted, it had counted before, or it is for another office."""


@dataclass(frozen=True, slots=True)
class Exported:
    """One message for a stick. `last`: the last event in it; `more`: events wait behind it."""

    message: bytes
    last: int
    more: bool


class Carrier:
    """Makes messages for sticks and takes answers from them."""

    def __init__(
        self,
        journal: Journal,
        enrolment: Enrolment,
        clock: Clock,
        reporter: Reporter,
        *,
        box: bytes,
        fresh_bytes: Callable[[int], bytes],
    ) -> None:
        """`fresh_bytes` gives unguessable bytes: the name of a successor, should one be due."""
        self._box, self._fresh_bytes = box, fresh_bytes
        self._journal = journal
        self._enrolment = enrolment
        self._clock = clock
        self._reporter = reporter

    async def export(self, after: int | None) -> Exported:
        """Return the message with the events after number `after` (None: after what is delivered).

        It is open before this returns. Raises Refusal `field-invalid` when there is no such event,
        and as `Journal.write`.
        """
        enrolment = await self._now()
        start = await self._start(after)
        told = await self._reporter.tell(days=False) if after is None else Told()
        query = partial(
            store.read_outgoing,
            start=start,
            plain_bytes=BATCH.plain_bytes,
            gives_back=after is None,
        )
        outgoing = await self._journal.read(query)
        box = await self._journal.read(partial(own_box.shown, box=self._box))
        extras = Extras(report=told.report, box=box)
        build = Builder(enrolment, self._clock).build
        built = await asyncio.to_thread(build, outgoing, BATCH, extras, Envelope())
        if not await self._journal.write(partial(_open, built=built)):
            return await self.export(after)
        return Exported(built.message, built.last_seq, built.last_seq < outgoing.head.seq)

    async def take(self, body: bytes) -> Fate:
        """Take an answer from a stick.

        Raises Refusal: `answer-forged`, `answer-foreign` when it is neither the province's nor
        to a message of this device, and as `Journal.write`.
        """
        if not self._is_for_us(body):
            return "foreign"
        try:
            answer = await asyncio.to_thread(_opened, body, await self._now())
        except ExchangeError as error:
            raise Refusal(error.fault.code, error.detail) from error
        successor = self._fresh_bytes(JOURNAL_ID_BYTES)
        job = partial(_take, answer=answer, successor=successor, box=self._box)
        return await self._journal.write(job)

    async def _now(self) -> Enrolment:
        """Return who this device is, with the journals that are open and the province as it is."""
        identity = self._journal.identity or self._enrolment.identity
        in_force = partial(successor.in_force, enrolled=self._enrolment.province)
        province = await self._journal.read(in_force)
        return self._enrolment._replace(identity=identity, province=province)

    async def _start(self, after: int | None) -> Head:
        if after is None:
            return self._journal.delivered
        identity = self._journal.identity
        if after == 0 and identity is not None:
            return identity.genesis
        hash_ = await self._journal.read(partial(_hash_at, seq=after))
        if hash_ is None:
            raise Refusal("field-invalid", "after")
        return Head(after, hash_)

    def _is_for_us(self, body: bytes) -> bool:
        """Whether the bytes are a message to this device; a carrier holds many offices'."""
        try:
            envelope = parse_full(body)
        except Malformed as error:
            raise Refusal("answer-forged", error.reason) from error
        return envelope.receiver_kid == self._enrolment.sealing_key.kid


def _opened(body: bytes, enrolment: Enrolment) -> Answer:
    down = open_down(body, enrolment)
    if down.office != enrolment.identity.office_id:
        raise ExchangeError(faults.ANSWER_FOREIGN, "office")
    return examine(down, enrolment)


def _open(transaction: Transaction, built: Built) -> bool:
    """Keep the message open; false when its journal was followed while it was built."""
    conn = transaction.conn
    if built.standing.journal != transaction.marks.journal:
        return False
    conn.execute(
        "INSERT INTO exported(request, made_ms, last_seq) VALUES (?, ?, ?)",
        (built.request, transaction.now_ms, built.last_seq),
    )
    conn.execute(
        "DELETE FROM exported WHERE request NOT IN"
        " (SELECT request FROM exported ORDER BY made_ms DESC, last_seq DESC LIMIT ?)",
        (OPEN_MAX,),
    )
    transaction.set_meta(store.NEWEST_EXPORTED, built.request)
    return True


def _take(transaction: Transaction, answer: Answer, successor: bytes, box: bytes) -> Fate:
    conn, request, journal = transaction.conn, answer.down.re, answer.down.journal
    if journal != transaction.marks.journal:
        return _of_a_former(transaction, answer)
    opened = conn.execute("SELECT last_seq FROM exported WHERE request = ?", (request,)).fetchone()
    if opened is None:
        return "repeated"
    if transaction.get_meta(store.NEWEST_EXPORTED) == request:
        receipts.apply(
            transaction,
            answer,
            Load(),
            transaction.delivered,
            last_seq=opened[0],
            successor=successor,
            box=box,
        )
        if transaction.get_meta(salvaged.UNTIL) is None:
            transaction.expect_back(0)  # own events that come by stick are no matter of a minute
    else:
        receipts.apply_late(transaction, answer)
    conn.execute("DELETE FROM exported WHERE request = ?", (request,))
    return "taken"


def _of_a_former(transaction: Transaction, answer: Answer) -> Fate:
    """Pass over what is said of a journal that was followed by this one.

    Raises Refusal `answer-foreign` when this device never wrote such a journal.
    """
    conn, journal = transaction.conn, answer.down.journal
    own = "SELECT 1 FROM journal WHERE side = 'office' AND id = ?"
    if conn.execute(own, (journal,)).fetchone() is None:
        raise Refusal("answer-foreign", "journal")
    conn.execute("DELETE FROM exported WHERE request = ?", (answer.down.re,))
    return "repeated"


def _hash_at(conn: Connection, seq: int) -> bytes | None:
    row = conn.execute(
        "SELECT hash FROM event JOIN journal ON no = journal"
        " WHERE side = 'office' AND state = 'open' AND seq = ?",
        (seq,),
    ).fetchone()
    return row[0] if row else None
