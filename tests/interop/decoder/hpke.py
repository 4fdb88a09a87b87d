"""HPKE single shot, base mode (RFC 9180): X-Wing, HKDF-SHA256, AES-256-GCM (section 4.1)."""

import hashlib
import hmac

from Crypto.Cipher import AES

from . import xwing
from .refused import need, refuse

SUITE = b"HPKE" + bytes.fromhex("647a 0001 0002")
TAG_SIZE = 16


def open_sealed(key: xwing.PrivateKey, info: bytes, sealed: bytes) -> bytes:
    """Open `enc` and ciphertext; aad is empty."""
    need(len(sealed) >= xwing.ENC_SIZE + TAG_SIZE, "ciphertext too short")
    enc, body = sealed[: xwing.ENC_SIZE], sealed[xwing.ENC_SIZE :]
    aead_key, nonce = _schedule(key.decapsulate(enc), info)
    try:
        cipher = AES.new(aead_key, AES.MODE_GCM, nonce=nonce)
        return cipher.decrypt_and_verify(body[:-TAG_SIZE], body[-TAG_SIZE:])
    except ValueError:
        refuse("cannot open")


def seal(public: bytes, info: bytes, plaintext: bytes) -> bytes:
    """Seal to `public`: `enc` and ciphertext."""
    shared, enc = xwing.encapsulate(public)
    aead_key, nonce = _schedule(shared, info)
    body, tag = AES.new(aead_key, AES.MODE_GCM, nonce=nonce).encrypt_and_digest(plaintext)
    return enc + body + tag


def _schedule(shared: bytes, info: bytes) -> tuple[bytes, bytes]:
    context = b"\x00" + _extract(b"", b"psk_id_hash", b"") + _extract(b"", b"info_hash", info)
    secret = _extract(shared, b"secret", b"")
    return _expand(secret, b"key", context, 32), _expand(secret, b"base_nonce", context, 12)


def _extract(salt: bytes, label: bytes, material: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + SUITE + label + material, hashlib.sha256)


def _expand(secret: bytes, label: bytes, info: bytes, size: int) -> bytes:
    """Expand to at most 32 bytes, so one round is enough."""
    labelled = size.to_bytes(2, "big") + b"HPKE-v1" + SUITE + label + info
    return hmac.digest(secret, labelled + b"\x01", hashlib.sha256)[:size]
