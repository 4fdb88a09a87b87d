"""Turn and box (section 6)."""

import hashlib
import hmac

from .refused import need


def turn(key: bytes, shown: bytes, request: bytes) -> bytes:
    """Give the turn that answers a request."""
    need(len(shown) == 8, "size of a turn")
    return hmac.digest(key, shown + hashlib.sha256(request).digest(), hashlib.sha256)[:8]


def box(device_id: bytes, machine: str, disk: str, net: str) -> bytes:
    """Give the three parts of a machine's mark."""
    need(len(device_id) == 32, "size of an id")
    values = {"machine": machine, "disk": disk, "net": net}
    return b"".join(
        hashlib.sha256(b"commune/box/1" + device_id + (word + value).encode()).digest()[:8]
        for word, value in values.items()
    )
