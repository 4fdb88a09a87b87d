"""The writing side, as far as a test needs it: full and short messages (sections 4.1, 4.2)."""

import hashlib

from Crypto.Cipher import AES

from . import cbor_strict, cose, hpke, message
from . import short as shorts


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


def short(
    plaintext: bytes, direction: str, session: bytes, device_id: bytes, request: bytes, iv: bytes
) -> bytes:
    """Seal a short message with an IV that must be fresh; `request` is the hash, empty in an up."""
    keys = shorts.derive(session)
    header = cbor_strict.dumps({1: shorts.A256GCM, 4: keys.kid})
    cipher = AES.new(keys.key(direction), AES.MODE_GCM, nonce=iv)
    cipher.update(shorts.aad(header, direction, device_id, request))
    body, tag = cipher.encrypt_and_digest(plaintext)
    return _tagged(cose.ENCRYPT0, [header, {shorts.IV: iv}, body + tag])


def _tagged(tag: int, parts: list[cbor_strict.Value]) -> bytes:
    return bytes([0xC0 | tag]) + cbor_strict.dumps(parts)
