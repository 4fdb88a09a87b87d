"""Grants (docs/protocol.md section 7): what lets a device add bytes to blobs that were asked for.

device_id (32) ‖ expiry, seconds since the epoch (8, big-endian) ‖ the first 24 bytes of
HMAC-SHA-256(key, "commune/grant/1" ‖ device_id ‖ office_id ‖ expiry); key is derived from the
turn key. Nothing is stored: any worker can check one, and revocation is looked up at each request.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final, NamedTuple

from wire.limits import GRANT_BYTES_MAX, GRANT_S_MAX, HASH_BYTES
from wire.problems import Refusal

NAME: Final = b"commune/grant/1"
EXPIRY_BYTES: Final = 8
MAC_BYTES: Final = GRANT_BYTES_MAX - HASH_BYTES - EXPIRY_BYTES
SCHEME: Final = "Bearer "


class Grant(NamedTuple):
    """A grant taken apart; nothing of it is believed before `check`."""

    device_id: bytes
    expiry: bytes
    mac: bytes


def issue(turn_key: bytes, device_id: bytes, office_id: bytes, now_ms: int) -> bytes:
    """Return a grant that is good for a day."""
    expiry = (now_ms // 1000 + GRANT_S_MAX).to_bytes(EXPIRY_BYTES, "big")
    return device_id + expiry + _mac(turn_key, device_id, office_id, expiry)


def read(header: str | None) -> Grant:
    """Take the grant of an `Authorization` header apart. Raises Refusal grant-wrong."""
    if header is None or not header.startswith(SCHEME):
        raise Refusal("grant-wrong")
    text = header.removeprefix(SCHEME).strip()
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise Refusal("grant-wrong") from None
    if len(data) != GRANT_BYTES_MAX:
        raise Refusal("grant-wrong")
    mac_at = HASH_BYTES + EXPIRY_BYTES
    return Grant(data[:HASH_BYTES], data[HASH_BYTES:mac_at], data[mac_at:])


def check(grant: Grant, turn_key: bytes, office_id: bytes, now_ms: int) -> None:
    """Believe a grant for the office its device belongs to. Raises Refusal grant-wrong."""
    wanted = _mac(turn_key, grant.device_id, office_id, grant.expiry)
    over = int.from_bytes(grant.expiry, "big") <= now_ms // 1000
    if not hmac.compare_digest(wanted, grant.mac) or over:
        raise Refusal("grant-wrong")


def _mac(turn_key: bytes, device_id: bytes, office_id: bytes, expiry: bytes) -> bytes:
    key = hmac.digest(turn_key, NAME, hashlib.sha256)
    return hmac.digest(key, NAME + device_id + office_id + expiry, hashlib.sha256)[:MAC_BYTES]
