"""Short messages within a session (section 4.2): AES-256-GCM, keys by HKDF (RFC 5869)."""

import hashlib
import hmac
from dataclasses import dataclass

from Crypto.Cipher import AES

from . import cbor_strict, cose
from .cbor_strict import Value
from .message import BODY_LIMIT
from .refused import need, refuse

A256GCM = 3
IV = 5
TAG_SIZE = 16


@dataclass(frozen=True)
class Session:
    """What both sides derive from the 32 bytes of a session."""

    kid: bytes
    up: bytes
    down: bytes

    def key(self, direction: str) -> bytes:
        """Give the key of one direction."""
        need(direction in {"up", "down"}, "direction")
        return self.up if direction == "up" else self.down


def derive(session: bytes) -> Session:
    """Derive kid and keys."""
    need(len(session) == 32, "session size")
    secret = extract(session)
    return Session(
        kid=expand(secret, b"commune/session/1/kid", 8),
        up=expand(secret, b"commune/session/1/up", 32),
        down=expand(secret, b"commune/session/1/down", 32),
    )


def extract(material: bytes) -> bytes:
    """HKDF-Extract with SHA-256; an empty salt is as many zero bytes as the hash has."""
    return hmac.digest(bytes(32), material, hashlib.sha256)


def expand(secret: bytes, info: bytes, size: int) -> bytes:
    """HKDF-Expand to at most 32 bytes, so one round is enough."""
    return hmac.digest(secret, info + b"\x01", hashlib.sha256)[:size]


def aad(header: bytes, direction: str, device_id: bytes, request: bytes) -> bytes:
    """Give what is bound beside the plaintext; `request` is the hash, empty in an up."""
    need(len(device_id) == 32, "size of an id")
    need(len(request) == (0 if direction == "up" else 32), "size of the request's hash")
    external = cbor_strict.dumps(["commune/short/1", direction, device_id, request])
    return cbor_strict.dumps(["Encrypt0", header, external])


def open_short(
    data: bytes, direction: str, session: bytes, device_id: bytes, request: bytes
) -> bytes:
    """Check and open a short message; `request` is the hash of what a down answers."""
    need(len(data) <= BODY_LIMIT, "too large")
    keys = derive(session)
    within = cose.parts(data, cose.ENCRYPT0, 3)
    header = cose.byte_string(within[0])
    kid = cose.protected(header, {1: A256GCM}, 8)
    iv = _iv(within[1])
    sealed = cose.byte_string(within[2])
    need(len(sealed) >= TAG_SIZE, "ciphertext too short")
    need(kid == keys.kid, "session unknown")
    cipher = AES.new(keys.key(direction), AES.MODE_GCM, nonce=iv)
    cipher.update(aad(header, direction, device_id, request))
    try:
        return cipher.decrypt_and_verify(sealed[:-TAG_SIZE], sealed[-TAG_SIZE:])
    except ValueError:
        refuse("cannot open")


def _iv(value: Value) -> bytes:
    if not isinstance(value, dict):
        refuse("unprotected header is no map")
    need(value.keys() == {IV}, "unprotected labels")
    return cose.byte_string(value[IV], 12)
