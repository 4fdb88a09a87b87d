"""Enrolment without I/O: how a new device and its province come to know each other (section 10).

The device: `check_ticket` (root fingerprint -> province.cose -> ticket), `build_request`, send it
or carry it on a stick, `accept_answer`. The province: `open_request`, `judge_request`, answer with
a full `down` that carries the device record.

The ticket, on paper, is what the device trusts: it names the root key by its SHA-256. The secret
in it is what the province trusts. Keys are made on the device and never leave it.
"""

import hmac
from hashlib import sha256
from typing import Literal, NamedTuple

from msgspec import Struct

from wire import base45, chain, message, plaintext, statements
from wire.block import EventsBlock
from wire.keys import SealingKey, SealingPublicKey, SigningKey, VerifyKey, key_id
from wire.limits import ENROLMENT_BYTES_MAX
from wire.message import Envelope
from wire.plaintext import Down, EnrolmentRequest
from wire.problems import Malformed, Refusal
from wire.statements import DeviceRecord, Province, Ticket


class DeviceKeys(NamedTuple):
    """The two keys a device makes for itself."""

    signing: SigningKey
    sealing: SealingKey


class Checked(NamedTuple):
    """A province and a ticket that belong together."""

    province: Province
    ticket: Ticket


class Accepted(NamedTuple):
    """The answer to an enrolment, every link of it checked; `down.device` holds the record."""

    down: Down
    record: DeviceRecord


class Opened(NamedTuple):
    """An enrolment request whose sender holds the keys it names."""

    request: EnrolmentRequest
    sealing_key: SealingPublicKey

    @property
    def device_id(self) -> bytes:
        """The id of the new device."""
        return key_id(self.request.device)


class IssuedTicket(Struct, frozen=True):
    """What the province kept of a ticket; `used_by`: its user's device and sealing key, journal."""

    ticket_id: bytes
    secret_sha256: bytes
    expires_ms: int
    used_by: tuple[bytes, bytes, bytes] | None = None


# --- the device --------------------------------------------------------------------------------


def read_ticket(ticket: str | bytes) -> bytes:
    """Return a ticket's statement from the text of its QR code or from the bytes of its file.

    Raises:
        Malformed: base45.
    """
    return base45.decode(ticket.strip()) if isinstance(ticket, str) else ticket


def check_province(province_cose: bytes, root_hash: bytes) -> Province:
    """Return the province that the root key with this SHA-256 signed.

    Raises:
        Refusal: ticket-forged, another root key or a wrong signature.
        Malformed: the bytes are no province statement.
    """
    named = statements.read_unverified(province_cose, Province)
    if key_id(named.root_key) != root_hash:
        raise Refusal("ticket-forged")
    return _signed_by(province_cose, Province, named.root_key)


def check_ticket(ticket: str | bytes, province_cose: bytes, now_ms: int) -> Checked:
    """Check root fingerprint -> province.cose -> ticket, and the ticket's expiry.

    `ticket` is the text of the QR code or the statement's bytes. The device's clock may be wrong
    on its first day: one that is behind refuses nothing, and the province judges again.

    Raises:
        Refusal: ticket-forged or ticket-expired.
        Malformed: one of the two is no such statement.
    """
    data = read_ticket(ticket)
    province = check_province(province_cose, statements.read_unverified(data, Ticket).root_hash)
    checked = _signed_by(data, Ticket, province.signing_key)
    if now_ms >= checked.expires_ms:
        raise Refusal("ticket-expired")
    return Checked(province, checked)


def build_request(
    checked: Checked, keys: DeviceKeys, *, box: bytes, journal: bytes, name: str
) -> bytes:
    """Return the full message that asks to be taken in; keep it until it is answered.

    `box` as in `wire.box`, `journal` the id of the device's new journal, `name` what people call
    the device.
    """
    request = EnrolmentRequest(
        ticket=checked.ticket.ticket_id,
        device=keys.signing.public,
        sealing=keys.sealing.public,
        box=box,
        journal=journal,
        name=name,
        secret=checked.ticket.secret,
    )
    data = message.seal_full(
        plaintext.encode_enrolment(request),
        sender=keys.signing,
        receiver=SealingPublicKey(checked.province.sealing_key),
        direction="up",
        ticket=checked.ticket.ticket_id,
    )
    if len(data) > ENROLMENT_BYTES_MAX:
        raise ValueError(f"a name of {len(name)} characters makes the request too large")
    return data


def accept_answer(
    answer: bytes, *, request: bytes, checked: Checked, keys: DeviceKeys, journal: bytes
) -> Accepted:
    """Return what the province answered to `request`, once every link is checked.

    The answer is signed by the province of the ticket, sealed to this device, names this request,
    and carries a device record for exactly these keys and this office. Its first desk events, if
    any, begin the desk journal that the record names.

    Raises:
        Refusal: signature-wrong, receiver-unknown: made by or for somebody else; revoked keys and
            other verdicts never come this way.
        Malformed: not what an enrolment's answer is; differs when it names anything else
            than was asked.
    """
    envelope = message.parse_full(answer)
    message.verify_full(envelope, VerifyKey(checked.province.signing_key))
    down = plaintext.decode_down(message.decrypt_full(envelope, keys.sealing, "down"))
    device_id = keys.signing.key_id
    _same("re", down.re, message.request_hash(request))
    _same("journal", down.journal, journal)
    _same("receipt", down.receipt, chain.genesis(device_id, journal))
    _same("verdict", down.verdict, "ok")
    if down.device is None:
        raise Malformed("member-missing", "down.device")
    province_key = VerifyKey(checked.province.signing_key)
    record = statements.verify(down.device, DeviceRecord, province_key)
    _same("device_key", record.device_key, keys.signing.public)
    _same("sealing_key", record.sealing_key, keys.sealing.public)
    _same("office_id", record.office_id, checked.ticket.office_id)
    _same("desk", down.desk, record.desk)
    if down.events is not None:
        _begins_desk(down.events, record)
    return Accepted(down, record)


# --- the province ------------------------------------------------------------------------------


def parse_request(data: bytes) -> Envelope:
    """Take an enrolment apart without any cryptography; its `ticket` id is there to be looked up.

    Raises:
        Malformed: as `wire.message.parse_full`, with a limit of 16 KiB; or without a ticket id.
    """
    envelope = message.parse_full(data, limit=ENROLMENT_BYTES_MAX)
    if envelope.ticket is None:
        raise Malformed("header-missing", "ticket id")
    return envelope


def open_request(envelope: Envelope, receiver: SealingKey) -> Opened:
    """Open an enrolment whose ticket id is known, and check it with the key inside.

    Raises:
        Refusal: receiver-unknown, or signature-wrong: who sent it does not hold the key it names.
        Malformed: cannot-open, another ticket inside than outside, or no request.
    """
    opened = plaintext.decode_enrolment(message.decrypt_full(envelope, receiver, "up"))
    message.verify_full(envelope, VerifyKey(opened.device))
    _same("ticket", opened.ticket, envelope.ticket)
    return Opened(opened, SealingPublicKey(opened.sealing))


def judge_request(opened: Opened, issued: IssuedTicket, now_ms: int) -> Literal["first", "again"]:
    """Return whether this request uses its ticket for the first time or is the same one again.

    The same keys with the same journal get the same device record for ever, also when the ticket
    has expired. With another journal they are a copy of the machine, or one that lost what it
    recorded: a person looks first.

    Raises:
        Refusal: ticket-forged (wrong secret), ticket-used (by other keys or for another journal),
            ticket-expired.
    """
    request = opened.request
    secret_hash = sha256(request.secret).digest()
    genuine = hmac.compare_digest(secret_hash, issued.secret_sha256)
    if not genuine or request.ticket != issued.ticket_id:
        raise Refusal("ticket-forged")
    if issued.used_by == (request.device, request.sealing, request.journal):
        return "again"
    if issued.used_by is not None:
        raise Refusal("ticket-used")
    if now_ms >= issued.expires_ms:
        raise Refusal("ticket-expired")
    return "first"


def _signed_by(data: bytes, kind: type[statements.S], public: bytes) -> statements.S:
    try:
        return statements.verify(data, kind, VerifyKey(public))
    except Refusal as refusal:
        raise Refusal("ticket-forged") from refusal


def _same(name: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise Malformed("differs", name)


def _begins_desk(events: EventsBlock, record: DeviceRecord) -> None:
    start = chain.genesis(key_id(record.desk_writer_key), record.desk)
    _same("events", (events.first, events.prev), (start.seq + 1, start.hash))
