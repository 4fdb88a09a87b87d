"""Readers: what a decoded CBOR value must be, said once (docs/protocol.md sections 4.3 and 11).

A `Read` takes a value and its path and returns the value typed, or refuses it. Small ones combine
into larger ones, so that a table of readers says the same as the CDDL of the page.

Reasons of `Malformed`: member-missing, member-type, member-size, member-value; `detail` is the
path, never the content.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

from wire.cbor import Key, Value
from wire.chain import Head
from wire.limits import HASH_BYTES
from wire.problems import Malformed

T = TypeVar("T")
D = TypeVar("D")
Read: TypeAlias = Callable[[object, str], T]


def octets(size: int | None = None, *, most: int | None = None) -> Read[bytes]:
    """Read a byte string of exactly `size` bytes, or of 1 to `most`, or of any length."""

    def read(value: object, path: str) -> bytes:
        if not isinstance(value, bytes):
            raise Malformed("member-type", path)
        if size is not None and len(value) != size:
            raise Malformed("member-size", path)
        if most is not None and not 0 < len(value) <= most:
            raise Malformed("member-size", path)
        return value

    return read


def uint(value: object, path: str) -> int:
    """Read an unsigned integer; the decoder has seen to 2^53-1."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise Malformed("member-type", path)
    if value < 0:
        raise Malformed("member-value", path)
    return value


def uint_to(most: int) -> Read[int]:
    """Read an unsigned integer of at most `most`."""

    def read(value: object, path: str) -> int:
        number = uint(value, path)
        if number > most:
            raise Malformed("member-value", path)
        return number

    return read


def text(value: object, path: str) -> str:
    """Read a text string."""
    if not isinstance(value, str):
        raise Malformed("member-type", path)
    return value


def flag(value: object, path: str) -> Literal[True]:
    """Read a member that is true or left out."""
    if value is not True:
        raise Malformed("member-value" if value is False else "member-type", path)
    return True


def one_of(*choices: T) -> Read[T]:
    """Read one of some texts or numbers."""

    def read(value: object, path: str) -> T:
        for choice in choices:
            if value == choice and type(value) is type(choice):
                return choice
        raise Malformed("member-value", path)

    return read


def many(of: Read[T], *, least: int = 0) -> Read[tuple[T, ...]]:
    """Read an array of any length from `least` on."""

    def read(value: object, path: str) -> tuple[T, ...]:
        items = _array(value, path)
        if len(items) < least:
            raise Malformed("member-size", path)
        return tuple([of(item, path) for item in items])

    return read


def row(make: Callable[..., T], *of: Read[Any]) -> Read[T]:
    """Read an array of exactly these elements and hand them to `make` in order."""

    def read(value: object, path: str) -> T:
        items = _array(value, path)
        if len(items) != len(of):
            raise Malformed("member-size", path)
        return make(*[each(item, path) for each, item in zip(of, items, strict=True)])

    return read


class Members:
    """The members of one map; those nobody asked for are left over as unknown."""

    __slots__ = ("_left", "_path")

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, Mapping):
            raise Malformed("member-type", path)
        self._left: dict[Key, Value] = dict(value)
        self._path = path

    def take(self, name: str, read: Read[T]) -> T:
        """Read a member that must be there."""
        if name not in self._left:
            raise Malformed("member-missing", f"{self._path}.{name}")
        return read(self._left.pop(name), f"{self._path}.{name}")

    def maybe(self, name: str, read: Read[T], absent: D) -> T | D:
        """Read a member that may be left out; `absent` stands for it then."""
        return self.take(name, read) if name in self._left else absent

    def rest(self) -> dict[Key, Value]:
        """Return the members that were not asked for: what a later version said."""
        return self._left


def _array(value: object, path: str) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise Malformed("member-type", path)
    return value


read_head: Read[Head] = row(Head, uint, octets(HASH_BYTES))
"""A journal's head: `[seq: uint, hash: bstr .size 32]`."""
