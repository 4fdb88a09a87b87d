"""Deterministic CBOR, the part of it the protocol speaks (docs/protocol.md section 4.1).

Written and read here: integers within +-(2^53-1), byte strings, text strings, arrays, maps whose
keys are integers, byte strings or text strings, false, true and null; one tag, outermost, where
the caller names it. Every value has exactly one encoding (RFC 8949 section 4.2.1): shortest
lengths, definite lengths, map keys in ascending order of their encoded bytes.

The reader makes one pass and refuses what the writer would not have written at the byte where
it stands, each rule with its own reason. A general CBOR library would first build dates, bignums
and regular expressions of a stranger's choosing and could only be judged by what it returned.

Reasons of `Malformed`: truncated, trailing-bytes, not-shortest, indefinite-length,
reserved-length, integer-too-large, float, simple-value, not-utf8, key-type, key-order,
duplicate-key, too-deep, too-many-items, tag.
"""

from collections.abc import Mapping
from typing import TypeAlias

from wire.limits import CBOR_DEPTH_MAX, CBOR_ITEMS_MAX, UINT_MAX
from wire.problems import Malformed

Key: TypeAlias = int | bytes | str
Value: TypeAlias = bool | int | bytes | str | list["Value"] | dict[Key, "Value"] | None

_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_FALSE, _TRUE, _NULL = 0xF4, 0xF5, 0xF6
_FLOATS = (25, 26, 27)
_INDEFINITE = 31
_SMALLEST = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}


def encode(value: object, *, tag: int | None = None) -> bytes:
    """Return the one encoding of `value`, within `tag` if one is given.

    Lists and tuples become arrays, mappings become maps.

    Raises:
        TypeError: something in `value` has no place in the protocol, a float for instance.
        ValueError: an integer beyond +-(2^53-1), text that is no Unicode, or too deep nesting.
    """
    out = [] if tag is None else [_head(_TAG, tag)]
    _write(value, out, CBOR_DEPTH_MAX)
    return b"".join(out)


def decode(data: bytes, *, tag: int | None = None, depth: int = CBOR_DEPTH_MAX) -> Value:
    """Return the value whose one encoding is `data`; `tag`, if given, must stand in front of it.

    `depth` is the number of arrays and maps that may enclose an item.

    Raises:
        Malformed: `data` is anything else than `encode` could have written.
    """
    reader = _Reader(data)
    if tag is not None:
        reader.expect_tag(tag)
    value = reader.item(depth)
    if reader.at != len(data):
        raise Malformed("trailing-bytes", f"{len(data) - reader.at} bytes follow the value")
    return value


def _head(major: int, argument: int) -> bytes:
    """Return the initial byte and its argument in the shortest form."""
    if argument < 24:
        return bytes((major << 5 | argument,))
    if argument < 1 << 8:
        return bytes((major << 5 | 24, argument))
    if argument < 1 << 16:
        return bytes((major << 5 | 25,)) + argument.to_bytes(2, "big")
    if argument < 1 << 32:
        return bytes((major << 5 | 26,)) + argument.to_bytes(4, "big")
    return bytes((major << 5 | 27,)) + argument.to_bytes(8, "big")


def _write(value: object, out: list[bytes], depth: int) -> None:
    match value:
        case bytes():
            out += (_head(_BYTES, len(value)), value)
        case str():
            text = value.encode()
            out += (_head(_TEXT, len(text)), text)
        case bool():
            out.append(bytes((_TRUE if value else _FALSE,)))
        case int():
            out.append(_integer(value))
        case None:
            out.append(bytes((_NULL,)))
        case list() | tuple():
            inner = _deeper(depth)
            out.append(_head(_ARRAY, len(value)))
            for item in value:
                _write(item, out, inner)
        case Mapping():
            _write_map(value, out, depth)
        case _:
            raise TypeError(f"no CBOR for {type(value).__name__}")


def _write_map(value: Mapping[object, object], out: list[bytes], depth: int) -> None:
    inner = _deeper(depth)
    out.append(_head(_MAP, len(value)))
    for key, item in sorted((_key(key), item) for key, item in value.items()):
        out.append(key)
        _write(item, out, inner)


def _deeper(depth: int) -> int:
    if depth == 0:
        raise ValueError("nested too deep")
    return depth - 1


def _key(key: object) -> bytes:
    if isinstance(key, bool) or not isinstance(key, int | bytes | str):
        raise TypeError(f"no CBOR map key: {type(key).__name__}")
    return encode(key)


def _integer(value: int) -> bytes:
    if abs(value) > UINT_MAX:
        raise ValueError("an integer beyond 2^53-1")
    return _head(_UINT, value) if value >= 0 else _head(_NEGATIVE, -1 - value)


class _Reader:
    """A place in some bytes, and what may still be read from there on."""

    __slots__ = ("at", "data", "items_left")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.items_left = CBOR_ITEMS_MAX

    def expect_tag(self, tag: int) -> None:
        """Read the one tag the caller named."""
        major, argument = self._head()
        if (major, argument) != (_TAG, tag):
            raise Malformed("tag", f"tag {tag} is missing")

    def item(self, depth: int) -> Value:
        """Read one data item that `depth` more arrays and maps may enclose."""
        major, argument = self._head()
        if major in (_UINT, _NEGATIVE):
            return self._integer(major, argument)
        if major == _BYTES:
            return self._take(argument)
        if major == _TEXT:
            return self._text(argument)
        if major == _ARRAY:
            depth = self._open(argument, depth)
            return [self.item(depth) for _ in range(argument)]
        if major == _MAP:
            return self._map(argument, self._open(2 * argument, depth))
        if major == _TAG:
            raise Malformed("tag", f"tag {argument} has no place here")
        return None if argument == _NULL else argument == _TRUE

    def _head(self) -> tuple[int, int]:
        """Read the major type and the argument; for a simple value the initial byte itself."""
        data, at = self.data, self.at
        if at >= len(data):
            raise Malformed("truncated")
        first = data[at]
        major, info = first >> 5, first & 0x1F
        if major == _SIMPLE:
            self.at = at + 1
            return major, _simple(first)
        if info < 24:
            self.at = at + 1
            return major, info
        if info > 27:
            indefinite = info == _INDEFINITE and _BYTES <= major <= _MAP
            raise Malformed("indefinite-length" if indefinite else "reserved-length")
        end = at + 1 + (1 << (info - 24))
        if end > len(data):
            raise Malformed("truncated")
        argument = int.from_bytes(data[at + 1 : end], "big")
        if argument < _SMALLEST[info]:
            raise Malformed("not-shortest")
        self.at = end
        return major, argument

    def _take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise Malformed("truncated")
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def _integer(self, major: int, argument: int) -> int:
        value = argument if major == _UINT else -1 - argument
        if abs(value) > UINT_MAX:
            raise Malformed("integer-too-large")
        return value

    def _text(self, size: int) -> str:
        try:
            return self._take(size).decode()
        except UnicodeDecodeError as error:
            raise Malformed("not-utf8", f"in a text string at byte {self.at - size}") from error

    def _open(self, items: int, depth: int) -> int:
        """Enter an array or map of `items` items; return the depth left inside."""
        if depth == 0:
            raise Malformed("too-deep")
        if items > len(self.data) - self.at:
            raise Malformed("truncated")
        self.items_left -= items
        if self.items_left < 0:
            raise Malformed("too-many-items")
        return depth - 1

    def _map(self, pairs: int, depth: int) -> dict[Key, Value]:
        value: dict[Key, Value] = {}
        previous = b""  # comes before every encoded key
        for _ in range(pairs):
            start = self.at
            key = self._key()
            encoded = self.data[start : self.at]
            if encoded <= previous:
                raise Malformed("duplicate-key" if encoded == previous else "key-order")
            previous = encoded
            value[key] = self.item(depth)
        return value

    def _key(self) -> Key:
        major, argument = self._head()
        if major == _TEXT:
            return self._text(argument)
        if major == _BYTES:
            return self._take(argument)
        if major in (_UINT, _NEGATIVE):
            return self._integer(major, argument)
        raise Malformed("key-type")


def _simple(first: int) -> int:
    """Return the initial byte of false, true or null; refuse everything else of major type 7."""
    if first in (_FALSE, _TRUE, _NULL):
        return first
    info = first & 0x1F
    if info in _FLOATS:
        raise Malformed("float")
    raise Malformed("indefinite-length" if info == _INDEFINITE else "simple-value")
