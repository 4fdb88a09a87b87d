"""The ticket in a QR code and the chain that proves it (section 10)."""

import hashlib

from . import cose, statements
from .refused import need, refuse

ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
PROVINCE, TICKET = "commune/province/1", "commune/ticket/1"


def base45(text: bytes) -> bytes:
    """Decode RFC 9285."""
    digits = [ALPHABET.find(char) for char in text]
    need(-1 not in digits and len(digits) % 3 != 1, "base45")
    out = bytearray()
    for at in range(0, len(digits), 3):
        group = digits[at : at + 3]
        number = sum(digit * 45**place for place, digit in enumerate(group))
        size = len(group) - 1
        need(number < 256**size, "base45")
        out += number.to_bytes(size, "big")
    return bytes(out)


def read(text: bytes, province: bytes, now: int) -> bytes:
    """Check root fingerprint, province and ticket; give the ticket's payload."""
    ticket = base45(text)
    claimed = statements.elements(statements.payload_of(ticket), TICKET)
    record = statements.elements(statements.payload_of(province), PROVINCE)
    root = cose.byte_string(record[7])
    need(hashlib.sha256(root).digest() == claimed[3], "another root")
    statements.verify(province, PROVINCE, root)
    payload = statements.verify(ticket, TICKET, cose.byte_string(record[4]))
    expires = claimed[8]
    if not isinstance(expires, int):
        refuse("expires")
    need(now < expires, "ticket expired")
    return payload
