"""X-Wing: ML-KEM-768 and X25519 in one (draft-connolly-cfrg-xwing-kem; section 4.1)."""

import hashlib
import os

from Crypto.Protocol.DH import (
    import_x25519_private_key,
    import_x25519_public_key,
    key_agreement,
)
from kyber_py.ml_kem import ML_KEM_768  # type: ignore[import-untyped]

from .refused import need, refuse

LABEL = rb"\.//^" + b"\\"
PUBLIC_SIZE = 1216
ENC_SIZE = 1120
_EK, _CT = 1184, 1088
_Q = 3329


class PrivateKey:
    """A sealing key, made from its 32-byte seed."""

    def __init__(self, seed: bytes) -> None:
        need(len(seed) == 32, "seed size")
        expanded = hashlib.shake_256(seed).digest(96)
        self._ek, self._dk = ML_KEM_768.key_derive(expanded[:64])
        self._x = expanded[64:]
        self.public = self._ek + _x_public(self._x)

    def decapsulate(self, enc: bytes) -> bytes:
        """Give the shared secret that `enc` carries."""
        need(len(enc) == ENC_SIZE, "enc size")
        ct_m, ct_x = enc[:_CT], enc[_CT:]
        return _combine(
            ML_KEM_768.decaps(self._dk, ct_m), _x_shared(self._x, ct_x), ct_x, self.public[_EK:]
        )


def encapsulate(public: bytes) -> tuple[bytes, bytes]:
    """Give a fresh shared secret and the `enc` that carries it."""
    check_public(public)
    ss_m, ct_m = ML_KEM_768.encaps(public[:_EK])
    ephemeral = os.urandom(32)
    ct_x = _x_public(ephemeral)
    ss_x = _x_shared(ephemeral, public[_EK:])
    return _combine(ss_m, ss_x, ct_x, public[_EK:]), ct_m + ct_x


def check_public(public: bytes) -> None:
    """Refuse what is no public key: wrong size, or a coefficient that is not reduced (FIPS 203)."""
    need(len(public) == PUBLIC_SIZE, "sealing key size")
    packed = public[: _EK - 32]
    for at in range(0, len(packed), 3):
        pair = int.from_bytes(packed[at : at + 3], "little")
        need(pair & 0xFFF < _Q and pair >> 12 < _Q, "sealing key not reduced")


def _combine(ss_m: bytes, ss_x: bytes, ct_x: bytes, pk_x: bytes) -> bytes:
    return hashlib.sha3_256(ss_m + ss_x + ct_x + pk_x + LABEL).digest()


def _x_public(private: bytes) -> bytes:
    return import_x25519_private_key(private).public_key().export_key(format="raw")


def _x_shared(private: bytes, public: bytes) -> bytes:
    try:
        return key_agreement(
            kdf=bytes,
            static_priv=import_x25519_private_key(private),
            static_pub=import_x25519_public_key(public),
        )
    except ValueError as error:
        refuse(f"x25519: {error}")
