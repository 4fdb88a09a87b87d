"""What counts as an answer (docs/protocol.md section 5): bytes in, a `Down` or a fault out.

1. It is a full message, signed by the province's signing key: else `answer-forged`.
2. It is sealed to this device: else `answer-foreign`.
3. `re` is the SHA-256 of the one open request, office and journal are ours: else `answer-foreign`,
   which is what an old genuine answer played again looks like.

The answer to a short message is short, and opens with the session's key only if it answers that
very request; else it is `answer-forged`.

Only then is anything in it looked at. Desk events and the receipt statement are checked here too,
because that takes time and needs no database; one of them being broken spoils neither the other
nor the receipt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.keys import Enrolment
from agent.sync import faults, successor
from agent.sync.transport import ExchangeError
from wire import message, plaintext, short_plaintext, statements
from wire.block import ChainedEvent, unpack
from wire.keys import VerifyKey
from wire.plaintext import Down
from wire.problems import Malformed, Refusal
from wire.short import SessionKeys, parse_short
from wire.short_plaintext import Standing
from wire.statements import DeviceRecord, Receipt, Revoked
from wire.succession import Followed


@dataclass(frozen=True, slots=True)
class Answer:
    """A bound answer, its parts checked as far as that needs no journal."""

    down: Down
    desk: Sequence[ChainedEvent] = ()
    desk_broken: str | None = None
    """Why the desk events cannot be read; None: they can, or there are none."""
    proof: bytes | None = None
    """The receipt statement, if it is the province's and says what the answer says."""
    own: Sequence[ChainedEvent] = ()
    """Events of this very journal, given back to a `fetch`."""
    branch: tuple[bytes, Sequence[ChainedEvent]] | None = None
    """A former journal of this device, and the province's events of it."""
    revocation: bytes | None = None
    device_record: bytes | None = None
    successor: Followed | None = None
    """The province under the same root, or one that this root signed for, with a higher n."""


def open_answer(body: bytes, request: bytes, enrolment: Enrolment) -> Answer:
    """Return the answer to the request with this SHA-256.

    Raises:
        ExchangeError: answer-forged, answer-foreign, or server-error when the province's own
            words cannot be read.
    """
    down = open_down(body, enrolment)
    identity = enrolment.identity
    if down.re != request:
        raise ExchangeError(faults.ANSWER_FOREIGN, "re")
    if (down.office, down.journal) != (identity.office_id, identity.journal):
        raise ExchangeError(faults.ANSWER_FOREIGN, "office or journal")
    return examine(down, enrolment)


def open_short_answer(
    body: bytes, request: bytes, session: SessionKeys, standing: Standing, enrolment: Enrolment
) -> Answer:
    """Return the short answer to the short request with this SHA-256.

    Raises:
        ExchangeError: answer-forged, or server-error when the province's own words cannot be
            read.
    """
    device_id = enrolment.identity.device_id
    try:
        envelope = parse_short(body)
        opened = session.open_down(envelope, device_id=device_id, request_hash=request)
    except Malformed as error:
        raise ExchangeError(faults.ANSWER_FORGED, _reason(error)) from error
    try:
        down = short_plaintext.decode_short_down(opened, standing, request)
    except Malformed as error:
        raise ExchangeError(faults.SERVER_ERROR, _reason(error)) from error
    return examine(down, enrolment)


def examine(down: Down, enrolment: Enrolment) -> Answer:
    """Check the parts of a bound answer."""
    desk, broken = _desk_events(down)
    key = VerifyKey(enrolment.province.signing_key)
    return Answer(
        down,
        desk,
        broken,
        proof=_proof(down, enrolment, key),
        own=_given_back(down, enrolment, enrolment.identity.journal),
        branch=_branch(down, enrolment),
        revocation=_revocation(down, enrolment, key),
        device_record=_device_record(down, enrolment, key),
        successor=successor.offered(down, desk, enrolment.province),
    )


def open_down(body: bytes, enrolment: Enrolment) -> Down:
    """Return the plaintext of a message by this province for this device.

    Raises:
        ExchangeError: answer-forged, answer-foreign, server-error.
    """
    try:
        envelope = message.parse_full(body)
        message.verify_full(envelope, VerifyKey(enrolment.province.signing_key))
    except (Malformed, Refusal) as error:
        raise ExchangeError(faults.ANSWER_FORGED, _reason(error)) from error
    try:
        opened = message.decrypt_full(envelope, enrolment.sealing_key, "down")
    except (Malformed, Refusal) as error:
        raise ExchangeError(faults.ANSWER_FOREIGN, _reason(error)) from error
    try:
        return plaintext.decode_down(opened)
    except Malformed as error:
        raise ExchangeError(faults.SERVER_ERROR, _reason(error)) from error


def _reason(error: Malformed | Refusal) -> str:
    return error.reason if isinstance(error, Malformed) else error.code


def _desk_events(down: Down) -> tuple[Sequence[ChainedEvent], str | None]:
    if down.events is None:
        return (), None
    try:
        return unpack(down.events), None
    except (Malformed, Refusal) as error:
        return (), _reason(error)


def _branch(down: Down, enrolment: Enrolment) -> tuple[bytes, Sequence[ChainedEvent]] | None:
    """Return the events of a former journal of this device that an answer brings."""
    if down.history is None or down.history.journal == enrolment.identity.journal:
        return None
    journal = down.history.journal
    return journal, _given_back(down, enrolment, journal)


def _given_back(down: Down, enrolment: Enrolment, journal: bytes) -> Sequence[ChainedEvent]:
    """Return the events of a journal that were given back; what cannot be read is nothing."""
    own = enrolment.identity.device_id, journal
    if down.history is None or down.history[:2] != own:
        return ()
    try:
        return unpack(down.history.events)
    except (Malformed, Refusal):
        return ()


def _proof(down: Down, enrolment: Enrolment, key: VerifyKey) -> bytes | None:
    if down.verdict != "ok" or down.statement is None:
        return None
    try:
        receipt = statements.verify(down.statement, Receipt, key)
    except (Malformed, Refusal):
        return None
    says = (receipt.device_id, receipt.journal, receipt.seq, receipt.hash)
    wanted = (enrolment.identity.device_id, down.journal, *down.receipt)
    return down.statement if says == wanted else None


def _revocation(down: Down, enrolment: Enrolment, key: VerifyKey) -> bytes | None:
    if down.verdict != "revoked" or down.statement is None:
        return None
    try:
        revoked = statements.verify(down.statement, Revoked, key)
    except (Malformed, Refusal):
        return None
    return down.statement if revoked.device_id == enrolment.identity.device_id else None


def _device_record(down: Down, enrolment: Enrolment, key: VerifyKey) -> bytes | None:
    if down.device is None:
        return None
    try:
        record = statements.verify(down.device, DeviceRecord, key)
    except (Malformed, Refusal):
        return None
    return down.device if record.device_id == enrolment.identity.device_id else None
