"""Keys: Ed25519 for signing, X-Wing for sealing (docs/protocol.md sections 2 and 4.1).

A device, a province and its root each sign with one Ed25519 key; its SHA-256 is their id. Sealing
is HPKE (RFC 9180, single shot, base mode) with the hybrid KEM X-Wing, HKDF-SHA256 and
AES-256-GCM: whoever records the line today opens nothing with a quantum computer later.
Private keys are kept as 32-byte seeds and never show in a repr.
"""

from base64 import b32encode
from functools import cached_property
from hashlib import sha256, shake_256
from typing import final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from wire.problems import Malformed, Refusal

SEED_BYTES = 32
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
MLKEM_KEY_BYTES = 1_184
SEALING_KEY_BYTES = MLKEM_KEY_BYTES + 32
ENC_BYTES = 1_120
TAG_BYTES = 16
SEALING_KID_BYTES = 8
STATEMENT_KID_BYTES = 8
DEVICE10_CHARACTERS = 10

_MLKEM_SEED_BYTES = 64
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_PROBE = X25519PrivateKey.from_private_bytes(bytes(31) + b"\x01")


def key_id(public: bytes) -> bytes:
    """Return SHA-256 of a raw Ed25519 public key: of a device's key, its device_id."""
    return sha256(public).digest()


def device10(device_id: bytes) -> str:
    """Return what people see of a device_id: the first 10 characters of its lower-case base32."""
    return b32encode(device_id).decode().lower()[:DEVICE10_CHARACTERS]


@final
class VerifyKey:
    """An Ed25519 public key of 32 raw bytes."""

    __slots__ = ("_key", "key_id", "public")

    def __init__(self, public: bytes) -> None:
        if len(public) != PUBLIC_KEY_BYTES:
            raise Malformed("signing-key", f"{len(public)} bytes")
        self.public = public
        self.key_id = key_id(public)
        self._key = Ed25519PublicKey.from_public_bytes(public)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Accept `signature` over `data` silently.

        Raises:
            Refusal: signature-wrong.
        """
        try:
            self._key.verify(signature, data)
        except InvalidSignature as error:
            raise Refusal("signature-wrong") from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VerifyKey) and other.public == self.public

    def __hash__(self) -> int:
        return hash(self.public)

    def __repr__(self) -> str:
        return f"VerifyKey({device10(self.key_id)})"


@final
class SigningKey:
    """An Ed25519 private key, kept as its 32-byte seed (RFC 8032 section 5.1.5)."""

    __slots__ = ("_key", "seed", "verify_key")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a signing seed has {SEED_BYTES} bytes, not {len(seed)}")
        self.seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verify_key = VerifyKey(self._key.public_key().public_bytes_raw())

    @classmethod
    def from_seed(cls, seed: bytes) -> "SigningKey":
        """Rebuild the key from its 32-byte seed."""
        return cls(seed)

    @property
    def public(self) -> bytes:
        """The raw 32-byte public key."""
        return self.verify_key.public

    @property
    def key_id(self) -> bytes:
        """SHA-256 of the public key, 32 bytes."""
        return self.verify_key.key_id

    def sign(self, data: bytes) -> bytes:
        """Return the 64-byte signature over `data`."""
        return self._key.sign(data)

    def __repr__(self) -> str:
        return f"SigningKey({device10(self.key_id)})"


@final
class SealingPublicKey:
    """An X-Wing public key: ML-KEM-768 encapsulation key (1,184 bytes) ‖ X25519 key (32)."""

    __slots__ = ("_key", "kid", "raw")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != SEALING_KEY_BYTES:
            raise Malformed("sealing-key", f"{len(raw)} bytes")
        self.raw = raw
        self.kid = sha256(raw).digest()[:SEALING_KID_BYTES]
        try:
            mlkem = MLKEM768PublicKey.from_public_bytes(raw[:MLKEM_KEY_BYTES])
            x25519 = X25519PublicKey.from_public_bytes(raw[MLKEM_KEY_BYTES:])
            _PROBE.exchange(x25519)  # a point of low order is found now, not at the first answer
        except ValueError as error:
            raise Malformed("sealing-key") from error
        self._key = hpke.MLKEM768X25519PublicKey(mlkem, x25519)

    def seal(self, plaintext: bytes, info: bytes) -> bytes:
        """Return enc (1,120 bytes) ‖ ciphertext ‖ tag (16): only the private key opens it."""
        return _SUITE.encrypt(plaintext, self._key, info)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SealingPublicKey) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"SealingPublicKey({self.kid.hex()})"


@final
class SealingKey:
    """An X-Wing private key, kept as its 32-byte seed.

    SHAKE-256(seed, 96 bytes) = ML-KEM seed d ‖ z (64) ‖ X25519 private key (32)
    (draft-connolly-cfrg-xwing-kem section 5.2).
    """

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a sealing seed has {SEED_BYTES} bytes, not {len(seed)}")
        self.seed = seed
        expanded = shake_256(seed).digest(_MLKEM_SEED_BYTES + 32)
        self._mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_BYTES])
        self._x25519 = X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_BYTES:])
        self._key = hpke.MLKEM768X25519PrivateKey(self._mlkem, self._x25519)

    @classmethod
    def from_seed(cls, seed: bytes) -> "SealingKey":
        """Rebuild the key from its 32-byte seed."""
        return cls(seed)

    @cached_property
    def public_key(self) -> SealingPublicKey:
        """The key others seal to."""
        mlkem = self._mlkem.public_key().public_bytes_raw()
        return SealingPublicKey(mlkem + self._x25519.public_key().public_bytes_raw())

    @property
    def public(self) -> bytes:
        """The raw 1,216-byte public key."""
        return self.public_key.raw

    @property
    def kid(self) -> bytes:
        """First 8 bytes of SHA-256 of the public key."""
        return self.public_key.kid

    def open(self, ciphertext: bytes, info: bytes) -> bytes:
        """Return the plaintext of what was sealed to this key with this `info`.

        Raises:
            Malformed: cannot-open - another key, another info, or changed bytes.
        """
        try:
            return _SUITE.decrypt(ciphertext, self._key, info)
        except InvalidTag as error:
            raise Malformed("cannot-open") from error

    def __repr__(self) -> str:
        return f"SealingKey({self.kid.hex()})"
