"""What a short message says: an `up` or `down` without what its session has said already.

The readers put back what was left out (docs/protocol.md section 4.2) and give the same `Up` and
`Down` as those of full messages; a short message that says any of it again is refused.

Reasons of `Malformed` beside those of `wire.plaintext`: member-unexpected.
"""

from typing import NamedTuple, cast

from wire import cbor
from wire.cbor import Key, Value
from wire.plaintext import VERSION, Down, Up, encode_down, encode_up, read_down, read_up
from wire.problems import Malformed

UP_LEFT_OUT = frozenset({"v", "office", "journal", "desk", "boot", "session"})
DOWN_LEFT_OUT = frozenset({"v", "re", "office", "journal", "desk", "session"})


class Standing(NamedTuple):
    """What the full message that opened a session said for all of its short ones."""

    office: bytes
    journal: bytes
    desk: bytes
    boot: bytes


def encode_short_up(up: Up) -> bytes:
    """Return the plaintext of an `up` in a short message.

    Raises:
        Malformed: a field that no receiver would accept; also TypeError and ValueError of CBOR.
    """
    return _without(encode_up(up), UP_LEFT_OUT)


def decode_short_up(data: bytes, standing: Standing) -> Up:
    """Return the `up` in the plaintext of a short message of a session with this `standing`.

    Raises:
        Malformed: as `decode_up`, or member-unexpected: it repeats what its session has said.
    """
    members = _members(data, "up", UP_LEFT_OUT)
    return read_up(members | {"v": VERSION} | standing._asdict())


def encode_short_down(down: Down) -> bytes:
    """Return the plaintext of a `down` in a short message; the request it answers is its AAD.

    Raises:
        Malformed: a field that no receiver would accept; also TypeError and ValueError of CBOR.
    """
    return _without(encode_down(down), DOWN_LEFT_OUT)


def decode_short_down(data: bytes, standing: Standing, re: bytes) -> Down:
    """Return the `down` in the plaintext of a short message that answers the request `re`.

    Raises:
        Malformed: as `decode_down`, or member-unexpected: it repeats what its session has said.
    """
    members = _members(data, "down", DOWN_LEFT_OUT)
    known = {"office": standing.office, "journal": standing.journal, "desk": standing.desk}
    return read_down(members | {"v": VERSION, "re": re} | known)


def _members(data: bytes, path: str, left_out: frozenset[str]) -> dict[Key, Value]:
    members = cbor.decode(data)
    if not isinstance(members, dict):
        raise Malformed("member-type", path)
    if unexpected := left_out & members.keys():
        raise Malformed("member-unexpected", f"{path}.{min(unexpected)}")
    return members


def _without(plaintext: bytes, left_out: frozenset[str]) -> bytes:
    members = cast("dict[Key, Value]", cbor.decode(plaintext))  # our own words, always a map
    return cbor.encode({name: each for name, each in members.items() if name not in left_out})
