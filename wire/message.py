"""Full messages: sealed to their receiver, signed by their sender (docs/protocol.md section 4.1).

    full  = 18([prot_s, unprotected, inner, signature])
    inner = 16([prot_e, {}, enc ‖ ciphertext])

A receiver works in this order, and each step is a function here: size and shape (`parse_full`),
signature (`verify_full`), opening (`decrypt_full`). Signature before decryption keeps strangers
from costing work; only an enrolment, whose sender nobody knows yet, turns the two round.
The sender's id is bound into the sealing, so a message cannot be signed again by somebody else.

Reasons of `Malformed` beside those of CBOR and COSE: too-large, cannot-open.
"""

from hashlib import sha256
from typing import Literal

from msgspec import Struct

from wire import cbor, cose
from wire.keys import (
    ENC_BYTES,
    SEALING_KID_BYTES,
    TAG_BYTES,
    SealingKey,
    SealingPublicKey,
    SigningKey,
    VerifyKey,
)
from wire.limits import HASH_BYTES, MESSAGE_BYTES_MAX, TICKET_ID_BYTES
from wire.problems import Malformed, Refusal

MEDIA_TYPE = "application/vnd.commune.exchange+cose"
"""Content-Type of an exchange, and `typ` of the signature."""
Direction = Literal["up", "down"]

HPKE_XWING = -65793
"""HPKE with X-Wing, HKDF-SHA256 and AES-256-GCM; for private use, not registered."""
DEVICE_RECORD, TICKET_ID = -70001, -70002
"""Unprotected labels of a message from a device the receiver may not know (section 10)."""

_CONTEXT = "commune/exchange/1"


class Envelope(Struct, frozen=True):
    """A full message taken apart: nothing in it is checked yet but its shape."""

    sender_kid: bytes
    """SHA-256 of the sender's Ed25519 public key: of a device, its device_id."""
    receiver_kid: bytes
    """First 8 bytes of SHA-256 of the receiver's sealing key."""
    device_record: bytes | None
    """A device record statement, from a device that was answered `sender-unknown`."""
    ticket: bytes | None
    """A ticket id, in an enrolment."""
    signed: cose.Sign1
    sealed: cose.Encrypt0


def request_hash(message: bytes) -> bytes:
    """Return SHA-256 of a whole message: what `re` of its answer names."""
    return sha256(message).digest()


def seal_full(
    plaintext: bytes,
    *,
    sender: SigningKey,
    receiver: SealingPublicKey,
    direction: Direction,
    device_record: bytes | None = None,
    ticket: bytes | None = None,
) -> bytes:
    """Return a full message.

    Sealing draws fresh randomness: the same plaintext twice gives two messages. A message that
    may be sent again is therefore kept, not made again.
    """
    protected = cose.protected_header(HPKE_XWING, receiver.kid)
    info = _info(protected, sender.key_id, receiver.kid, direction)
    inner = cose.encrypt0(protected, receiver.seal(plaintext, info))
    labels = ((DEVICE_RECORD, device_record), (TICKET_ID, ticket))
    unprotected = {label: value for label, value in labels if value is not None}
    header = cose.protected_header(cose.ED25519, sender.key_id, MEDIA_TYPE)
    return cose.sign1(header, inner, sender, unprotected)


def parse_full(data: bytes, *, limit: int = MESSAGE_BYTES_MAX) -> Envelope:
    """Take a full message apart without any cryptography.

    `limit`: the most bytes it may have, 2 MiB, or 16 KiB for an enrolment.

    Raises:
        Malformed: too large, no deterministic CBOR, another shape, header or algorithm.
    """
    if len(data) > limit:
        raise Malformed("too-large", f"{len(data)} bytes, at most {limit}")
    signed = cose.parse_sign1(data)
    sender_kid = cose.read_protected_header(
        signed.protected, algorithm=cose.ED25519, kid_bytes=HASH_BYTES, type_=MEDIA_TYPE
    )
    device_record, ticket = _unprotected(signed)
    sealed = cose.parse_encrypt0(signed.payload)
    receiver_kid = cose.read_protected_header(
        sealed.protected, algorithm=HPKE_XWING, kid_bytes=SEALING_KID_BYTES
    )
    if sealed.unprotected:
        raise Malformed("header-unknown", "beside the ciphertext")
    if len(sealed.ciphertext) < ENC_BYTES + TAG_BYTES:
        raise Malformed("shape", "the ciphertext is too short")
    return Envelope(sender_kid, receiver_kid, device_record, ticket, signed, sealed)


def verify_full(envelope: Envelope, sender: VerifyKey) -> None:
    """Accept silently that the key `sender` made this message.

    Raises:
        Refusal: signature-wrong, also when the message names another key.
    """
    if sender.key_id != envelope.sender_kid:
        raise Refusal("signature-wrong")
    cose.verify_sign1(envelope.signed, sender)


def decrypt_full(envelope: Envelope, receiver: SealingKey, direction: Direction) -> bytes:
    """Return the plaintext. Call `verify_full` first wherever the sender's key is known.

    Raises:
        Refusal: receiver-unknown, the message is sealed to another key.
        Malformed: cannot-open, its bytes or its direction are not what was sealed.
    """
    if receiver.kid != envelope.receiver_kid:
        raise Refusal("receiver-unknown")
    protected = envelope.sealed.protected
    info = _info(protected, envelope.sender_kid, envelope.receiver_kid, direction)
    return receiver.open(envelope.sealed.ciphertext, info)


def _info(protected: bytes, sender_kid: bytes, receiver_kid: bytes, direction: Direction) -> bytes:
    external_aad = cbor.encode([_CONTEXT, sender_kid, receiver_kid, direction])
    return cose.bound(protected, external_aad)


def _unprotected(signed: cose.Sign1) -> tuple[bytes | None, bytes | None]:
    """Return device record and ticket id; there is at most one of the two."""
    match list(signed.unprotected.items()):
        case []:
            return None, None
        case [(-70001, bytes(record))] if record:
            return record, None
        case [(-70002, bytes(ticket))] if len(ticket) == TICKET_ID_BYTES:
            return None, ticket
    raise Malformed("header-unknown", "unprotected")
