"""From the bytes of a message to a request whose every part has been read and judged.

The order of checks is that of docs/protocol.md section 4.1; each step is cheap enough to pay for
the next. Opening comes first and reading the contents apart from it, so that a revoked device is
told so before anything is inflated. Pure but for the keys it is handed, so it runs beside the
event loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from server.judging import DETAIL_CHARS_MAX, Judged, judge_all
from server.keys import ServerKeys
from server.sessions import Session
from wire import block, digests, message, plaintext, short_plaintext, statements
from wire.block import ChainedEvent
from wire.codec import inflate
from wire.digests import DayRow
from wire.foreign import read_json
from wire.keys import VerifyKey
from wire.limits import EVENTS_PLAIN_BYTES_MAX, REPORT_PLAIN_BYTES_MAX
from wire.message import Envelope
from wire.plaintext import Problem, Up
from wire.problems import Malformed, Refusal
from wire.short import ShortEnvelope, parse_short
from wire.statements import HeadStatement

_Seq = Annotated[int, Meta(ge=0)]


class _Numbers(Struct, frozen=True):
    left_today: int | None = None


class ReportFacts(Struct, frozen=True, kw_only=True):
    """What the exchange itself reads in a sync report; the rest is kept as it came."""

    journal: str
    agent: Annotated[str, Meta(max_length=32)]
    generated_at: str
    delivered_seq: _Seq
    days_digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None
    numbers: _Numbers | None = None

    @property
    def left_today(self) -> int | None:
        """How many of today's serials are left, None when it does not say."""
        return None if self.numbers is None else self.numbers.left_today


class Report(Struct, frozen=True):
    """A sync report: its JSON as it came, and the facts read in it."""

    raw: bytes
    facts: ReportFacts


class Request(Struct, frozen=True, kw_only=True):
    """An authentic, opened message; as long as its contents are not read it has none.

    `session`: the one it came in, None for a full message. `judged` are its events, `returned` the
    desk events it gives back, `head` is the device's statement of its head, if it holds. `remarks`
    are problems of the message itself (seq 0).
    """

    hash: bytes
    up: Up
    judged: Sequence[Judged] = ()
    returned: Sequence[ChainedEvent] = ()
    report: Report | None = None
    days: list[DayRow] | None = None
    head: bytes | None = None
    remarks: tuple[Problem, ...] = ()
    session: Session | None = None


def parse(body: bytes) -> Envelope:
    """Return the envelope. Raises Refusal message-malformed."""
    try:
        return message.parse_full(body)
    except Malformed as error:
        raise malformed(error) from error


def malformed(error: Malformed) -> Refusal:
    """Return the refusal of a message that breaks the format, with the reason's stable token."""
    code = "too-large" if error.reason == "too-large" else "message-malformed"
    return Refusal(code, error.reason)


def open_request(body: bytes, envelope: Envelope, sender: VerifyKey, keys: ServerKeys) -> Request:
    """Verify and open a message whose sender is known.

    Raises Refusal: signature-wrong, receiver-unknown, message-malformed, too-large.
    """
    message.verify_full(envelope, sender)
    receiver = keys.opening(envelope.receiver_kid)
    try:
        up = plaintext.decode_up(message.decrypt_full(envelope, receiver, "up"))
    except Malformed as error:
        raise malformed(error) from error
    return Request(hash=message.request_hash(body), up=up)


def parse_in_session(body: bytes) -> ShortEnvelope:
    """Return the envelope of a short message. Raises Refusal message-malformed."""
    try:
        return parse_short(body)
    except Malformed as error:
        raise malformed(error) from error


def open_in_session(body: bytes, envelope: ShortEnvelope, session: Session) -> Request:
    """Open a short message; that it opens shows who sealed it.

    Raises Refusal: message-malformed, too-large.
    """
    try:
        opened = session.keys.open_up(envelope, device_id=session.device_id)
        up = short_plaintext.decode_short_up(opened, session.standing)
    except Malformed as error:
        raise malformed(error) from error
    return Request(hash=message.request_hash(body), up=up, session=session)


def read_contents(opened: Request, device_key: bytes) -> Request:
    """Inflate and judge what an opened message of the device with this public key carries.

    Raises Refusal: codec-unknown, message-malformed, too-large.
    """
    up = opened.up
    try:
        chained = block.unpack(up.events) if up.events is not None else []
        if chained:
            block.check_against(chained, up.head)
        taken = sum(len(item.event or b"") + 1 for item in chained)
        room = EVENTS_PLAIN_BYTES_MAX - taken
        returned = block.unpack(up.returned, plain_limit=room) if up.returned is not None else []
    except Malformed as error:
        raise malformed(error) from error
    remarks: list[Problem] = []
    return msgspec.structs.replace(
        opened,
        judged=judge_all(chained),
        returned=returned,
        report=_report(up, remarks),
        days=_days(up, remarks),
        head=_head(up, device_key, remarks),
        remarks=tuple(remarks),
    )


def _head(up: Up, device_key: bytes, remarks: list[Problem]) -> bytes | None:
    """Return the statement of the head; one that does not hold is a problem, never a refusal."""
    if up.statement is None:
        return None
    try:
        said = statements.verify(up.statement, HeadStatement, VerifyKey(device_key))
    except (Malformed, Refusal) as error:
        reason = error.reason if isinstance(error, Malformed) else error.code
        remarks.append(_remark("statement", reason))
        return None
    if (said.journal, said.seq, said.hash) != (up.journal, *up.head):
        remarks.append(_remark("statement", "of another head"))
        return None
    return up.statement


def _report(up: Up, remarks: list[Problem]) -> Report | None:
    """Return the report; one that cannot be read is a problem, never a refusal."""
    if up.report is None:
        return None
    try:
        raw = inflate(up.report, 1, REPORT_PLAIN_BYTES_MAX)
        facts = read_json(raw, ReportFacts)
    except Malformed as error:
        remarks.append(_remark("report", error))
        return None
    if facts.journal != up.journal.hex():
        remarks.append(_remark("report", "of another journal"))
        return None
    return Report(raw, facts)


def _days(up: Up, remarks: list[Problem]) -> list[DayRow] | None:
    if up.days is None:
        return None
    try:
        return list(digests.decode_days(up.days))
    except Malformed as error:
        remarks.append(_remark("days", error))
        return None


def _remark(part: str, reason: Any) -> Problem:
    return Problem(0, "field-invalid", f"{part}: {reason}"[:DETAIL_CHARS_MAX])
