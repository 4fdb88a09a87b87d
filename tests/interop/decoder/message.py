"""Full messages (section 4.1) and the enrolment message (section 10)."""

import hashlib
from dataclasses import dataclass

from . import cbor_strict, cose, hpke, xwing
from .cbor_strict import Value
from .plaintext import ENROLMENT, read
from .refused import need, refuse

TYPE = "application/vnd.commune.exchange+cose"
SEALING = -65793
RECORD, TICKET = -70001, -70002
BODY_LIMIT = 2 * 1024 * 1024
ENROLMENT_LIMIT = 16 * 1024


@dataclass(frozen=True)
class Full:
    """The parts of a full message, shape checked, nothing verified."""

    header: bytes
    unprotected: dict[int, bytes]
    inner: bytes
    signature: bytes
    sender_kid: bytes
    inner_header: bytes
    receiver_kid: bytes
    sealed: bytes


def parse(data: bytes, limit: int = BODY_LIMIT) -> Full:
    """Check size and shape."""
    need(len(data) <= limit, "too large")
    outer = cose.parts(data, cose.SIGN1, 4)
    sender = cose.protected(outer[0], {1: cose.ED25519, 16: TYPE}, 32)
    inner = cose.byte_string(outer[2])
    within = cose.parts(inner, cose.ENCRYPT0, 3)
    receiver = cose.protected(within[0], {1: SEALING}, 8)
    need(within[1] == {}, "unprotected header inside")
    sealed = cose.byte_string(within[2])
    need(len(sealed) >= xwing.ENC_SIZE + hpke.TAG_SIZE, "ciphertext too short")
    return Full(
        header=cose.byte_string(outer[0]),
        unprotected=_unprotected(outer[1]),
        inner=inner,
        signature=cose.byte_string(outer[3], 64),
        sender_kid=sender,
        inner_header=cose.byte_string(within[0]),
        receiver_kid=receiver,
        sealed=sealed,
    )


def _unprotected(value: Value) -> dict[int, bytes]:
    if not isinstance(value, dict):
        refuse("unprotected header is no map")
    if value == {}:
        return {}
    need(len(value) == 1, "unprotected labels")
    if RECORD in value:
        return {RECORD: cose.byte_string(value[RECORD])}
    need(TICKET in value, "unprotected label")
    return {TICKET: cose.byte_string(value[TICKET], 8)}


def info(inner_header: bytes, sender_kid: bytes, receiver_kid: bytes, direction: str) -> bytes:
    """Give the HPKE info of section 4.1."""
    aad = cbor_strict.dumps(["commune/exchange/1", sender_kid, receiver_kid, direction])
    return cbor_strict.dumps(["Encrypt0", inner_header, aad])


def verify(message: Full, sender: bytes) -> None:
    """Check that `sender` is named and has signed."""
    need(message.sender_kid == hashlib.sha256(sender).digest(), "sender unknown")
    cose.verify(sender, message.header, message.inner, message.signature)


def decrypt(message: Full, key: xwing.PrivateKey, direction: str) -> bytes:
    """Open what is sealed to `key`."""
    need(message.receiver_kid == receiver_kid(key.public), "receiver unknown")
    bound = info(message.inner_header, message.sender_kid, message.receiver_kid, direction)
    return hpke.open_sealed(key, bound, message.sealed)


def receiver_kid(public: bytes) -> bytes:
    """Give the short name of a sealing key."""
    return hashlib.sha256(public).digest()[:8]


def open_full(data: bytes, direction: str, sender: bytes, seed: bytes) -> bytes:
    """Check and open a message of the exchange in the order of section 4.1."""
    need(direction in {"up", "down"}, "direction")
    message = parse(data)
    verify(message, sender)
    return decrypt(message, xwing.PrivateKey(seed), direction)


def open_enrolment(data: bytes, seed: bytes) -> bytes:
    """Open first, then check the signature with the key found inside."""
    message = parse(data, ENROLMENT_LIMIT)
    need(TICKET in message.unprotected, "no ticket id outside")
    plaintext = decrypt(message, xwing.PrivateKey(seed), "up")
    members = read(plaintext, ENROLMENT)
    verify(message, cose.byte_string(members["device"]))
    need(members["ticket"] == message.unprotected[TICKET], "another ticket id outside")
    xwing.check_public(cose.byte_string(members["sealing"]))
    return plaintext
