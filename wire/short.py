"""Short messages: what a device and its province say inside a session (docs/protocol.md 4.2).

    short = 16([{1: A256GCM, 4: kid}, {5: IV}, ciphertext])

A full message costs about 1.3 KB before its first event; the session it opened costs 70 bytes
after that. The keys come from 32 bytes that travelled sealed and signed inside the full message,
so a short one needs no signature: whoever knows the keys is the device or its province. An answer
is bound to the very bytes of its request, so it cannot be played again to another.

IVs are random and never counted: neither a crash, a snapshot nor two workers can use one twice.
At 1,000 requests a session the chance of a repeated one is below 2^-75.

Reasons of `Malformed` beside those of CBOR and COSE: too-large, cannot-open.
"""

import hmac
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from msgspec import Struct

from wire import cbor, cose
from wire.keys import TAG_BYTES
from wire.limits import MESSAGE_BYTES_MAX
from wire.plaintext import SESSION_BYTES
from wire.problems import Malformed

IV_BYTES = 12
KID_BYTES = 8

_CONTEXT = "commune/short/1"
_TAG_16 = 0xD0
"""First byte of a tagged COSE_Encrypt0; a full message begins with that of tag 18."""


class SessionKeys:
    """The two keys of a session and the name it goes by; never shown in a repr."""

    __slots__ = ("_down", "_up", "kid")

    def __init__(self, session: bytes) -> None:
        """Derive the keys from the 32 bytes of `session`."""
        if len(session) != SESSION_BYTES:
            raise ValueError(f"a session has {SESSION_BYTES} bytes, not {len(session)}")
        secret = hmac.digest(b"", session, sha256)  # HKDF-Extract with an empty salt (RFC 5869)
        self.kid = _expand(secret, "kid", KID_BYTES)
        self._up = AESGCM(_expand(secret, "up", 32))
        self._down = AESGCM(_expand(secret, "down", 32))

    def seal_up(self, plaintext: bytes, *, device_id: bytes, iv: bytes) -> bytes:
        """Return the short message of a device; `iv` is 12 fresh random bytes."""
        return _seal(self._up, self.kid, plaintext, _up_aad(device_id), iv)

    def open_up(self, envelope: "ShortEnvelope", *, device_id: bytes) -> bytes:
        """Return the plaintext of what this session's device sealed.

        Raises:
            Malformed: cannot-open - another session, another device, or changed bytes.
        """
        return self._open(self._up, envelope, _up_aad(device_id))

    def seal_down(
        self, plaintext: bytes, *, device_id: bytes, request_hash: bytes, iv: bytes
    ) -> bytes:
        """Return the short answer to the short request with this SHA-256."""
        return _seal(self._down, self.kid, plaintext, _down_aad(device_id, request_hash), iv)

    def open_down(
        self, envelope: "ShortEnvelope", *, device_id: bytes, request_hash: bytes
    ) -> bytes:
        """Return the plaintext of the province's answer to that request and no other.

        Raises:
            Malformed: cannot-open - another session, another request, or changed bytes.
        """
        return self._open(self._down, envelope, _down_aad(device_id, request_hash))

    def _open(self, key: AESGCM, envelope: "ShortEnvelope", external_aad: bytes) -> bytes:
        if envelope.kid != self.kid:
            raise Malformed("cannot-open", "of another session")
        aad = cose.bound(envelope.protected, external_aad)
        try:
            return key.decrypt(envelope.iv, envelope.ciphertext, aad)
        except InvalidTag as error:
            raise Malformed("cannot-open") from error

    def __repr__(self) -> str:
        return f"SessionKeys({self.kid.hex()})"


class ShortEnvelope(Struct, frozen=True):
    """A short message taken apart: nothing in it is checked yet but its shape."""

    kid: bytes
    iv: bytes
    protected: bytes
    ciphertext: bytes


def is_short(data: bytes) -> bool:
    """Whether these bytes begin as a short message does; a full one begins otherwise."""
    return data[:1] == bytes([_TAG_16])


def parse_short(data: bytes, *, limit: int = MESSAGE_BYTES_MAX) -> ShortEnvelope:
    """Take a short message apart without any cryptography.

    Raises:
        Malformed: too large, no deterministic CBOR, another shape, header or algorithm.
    """
    if len(data) > limit:
        raise Malformed("too-large", f"{len(data)} bytes, at most {limit}")
    sealed = cose.parse_encrypt0(data)
    kid = cose.read_protected_header(sealed.protected, algorithm=cose.A256GCM, kid_bytes=KID_BYTES)
    match list(sealed.unprotected.items()):
        case [(cose.IV, bytes(iv))] if len(iv) == IV_BYTES:
            pass
        case _:
            raise Malformed("header-unknown", "unprotected")
    if len(sealed.ciphertext) < TAG_BYTES:
        raise Malformed("shape", "the ciphertext is too short")
    return ShortEnvelope(kid, iv, sealed.protected, sealed.ciphertext)


def _expand(secret: bytes, name: str, size: int) -> bytes:
    info = f"commune/session/1/{name}".encode("ascii")
    return HKDFExpand(SHA256(), size, info).derive(secret)


def _up_aad(device_id: bytes) -> bytes:
    return cbor.encode([_CONTEXT, "up", device_id, b""])


def _down_aad(device_id: bytes, request_hash: bytes) -> bytes:
    return cbor.encode([_CONTEXT, "down", device_id, request_hash])


def _seal(key: AESGCM, kid: bytes, plaintext: bytes, external_aad: bytes, iv: bytes) -> bytes:
    protected = cose.protected_header(cose.A256GCM, kid)
    ciphertext = key.encrypt(iv, plaintext, cose.bound(protected, external_aad))
    return cose.encrypt0(protected, ciphertext, {cose.IV: iv})
