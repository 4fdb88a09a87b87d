"""Base45 (RFC 9285): bytes as the characters a QR code stores in alphanumeric mode."""

from wire.problems import Malformed

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_BASE = 45


def encode(data: bytes) -> str:
    """Return three characters for every two bytes, two for a last single one."""
    out: list[str] = []
    for at in range(0, len(data) - 1, 2):
        rest, low = divmod(data[at] << 8 | data[at + 1], _BASE)
        high, middle = divmod(rest, _BASE)
        out += (_ALPHABET[low], _ALPHABET[middle], _ALPHABET[high])
    if len(data) % 2:
        high, low = divmod(data[-1], _BASE)
        out += (_ALPHABET[low], _ALPHABET[high])
    return "".join(out)


def decode(text: str) -> bytes:
    """Return the bytes whose base45 is `text`.

    Raises:
        Malformed: base45 - a character outside the alphabet, a length no bytes give, or a group
            of characters beyond the largest value (RFC 9285 section 4.3).
    """
    if len(text) % 3 == 1:
        raise Malformed("base45", "a length that no bytes give")
    out = bytearray()
    for at in range(0, len(text), 3):
        group = text[at : at + 3]
        number = _number(group)
        size = len(group) - 1
        if number >= 1 << 8 * size:
            raise Malformed(
                "base45", f"characters {at} to {at + size} are beyond the largest value"
            )
        out += number.to_bytes(size, "big")
    return bytes(out)


def _number(group: str) -> int:
    """Return the value of two or three characters, the lowest digit first."""
    number = 0
    for character in reversed(group):
        if character not in _VALUES:
            raise Malformed("base45", "a character outside the alphabet")
        number = number * _BASE + _VALUES[character]
    return number
