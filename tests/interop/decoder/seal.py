"""The writing side, as far as a test needs it: seal and sign a full message (section 4.1)."""

import hashlib

from . import cbor_strict, cose, hpke, message


def full(plaintext: bytes, signing_seed: bytes, receiver: bytes, direction: str) -> bytes:
    """Seal `plaintext` to the sealing key `receiver`, sign with the key of `signing_seed`."""
    sender_kid = hashlib.sha256(cose.public_of(signing_seed)).digest()
    receiver_kid = message.receiver_kid(receiver)
    inner_header = cbor_strict.dumps({1: message.SEALING, 4: receiver_kid})
    info = message.info(inner_header, sender_kid, receiver_kid, direction)
    sealed = hpke.seal(receiver, info, plaintext)
    inner = _tagged(cose.ENCRYPT0, [inner_header, {}, sealed])
    header = cbor_strict.dumps({1: cose.ED25519, 4: sender_kid, 16: message.TYPE})
    return _tagged(cose.SIGN1, [header, {}, inner, cose.sign(signing_seed, header, inner)])


def _tagged(tag: int, parts: list[cbor_strict.Value]) -> bytes:
    return bytes([0xC0 | tag]) + cbor_strict.dumps(parts)
