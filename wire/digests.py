"""Bookkeeping of days: what both sides count and compare (docs/protocol.md section 9).

Each event has a mark; the digest of a row is the XOR of its marks, so order does not matter and
rows can be merged. It finds accidents and names the day; chain and statements prove.
"""

from collections.abc import Iterable
from hashlib import sha256
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from wire import cbor, ijson
from wire.limits import DAY_DIGEST_BYTES, DAY_WORD_CHARS_MAX, UINT_MAX
from wire.problems import Malformed

_DAY_LETTERS = len("2026-11-21")


class DayRow(NamedTuple):
    """One row of `days`: how many events of a kind and channel a day has, and their digest."""

    day: str
    kind: str
    channel: str
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody calls on a row
    digest: bytes


def event_mark(device_id: bytes, journal_id: bytes, seq: int, hash_: bytes) -> bytes:
    """Return the 32-byte mark of the event at `seq` whose hash in the chain is `hash_`."""
    return sha256(device_id + journal_id + seq.to_bytes(8, "big") + hash_).digest()


class DayTally:
    """Counts events by day, kind and channel."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], list[int]] = {}

    def add(self, day: str, kind: str, channel: str, mark: bytes) -> None:
        """Count one event with its `event_mark`."""
        self._count(day, kind, channel, 1, mark[:DAY_DIGEST_BYTES])

    def merge(self, rows: Iterable[DayRow]) -> None:
        """Count in what was counted elsewhere of other events."""
        for row in rows:
            self._count(*row)

    def rows(self) -> list[DayRow]:
        """Return the rows, sorted by day, kind and channel as UTF-8 bytes."""
        rows = [
            DayRow(*key, count, digest.to_bytes(DAY_DIGEST_BYTES, "big"))
            for key, (count, digest) in self._rows.items()
        ]
        return sorted(rows, key=_order)

    def _count(self, day: str, kind: str, channel: str, count: int, digest: bytes) -> None:
        row = self._rows.setdefault((day, kind, channel), [0, 0])
        row[0] += count
        row[1] ^= int.from_bytes(digest, "big")


def encode_days(rows: Iterable[DayRow]) -> bytes:
    """Return `days` as it travels: CBOR `[* [day, kind, channel, count, digest]]`, sorted."""
    return cbor.encode([list(row) for row in sorted(rows, key=_order)])


def decode_days(data: bytes) -> list[DayRow]:
    """Read `days`.

    Raises:
        Malformed: no deterministic CBOR, `shape`, or `order` (unsorted, or a row twice).
    """
    items = cbor.decode(data)
    if not isinstance(items, list):
        raise Malformed("shape", "days is no array")
    rows = [_row(item) for item in items]
    keys = [_order(row) for row in rows]
    if any(left >= right for left, right in pairwise(keys)):
        raise Malformed("order", "days is not sorted")
    return rows


def days_digest(rows: Iterable[DayRow]) -> bytes:
    """Return SHA-256 of the encoded rows: `days_digest` of a sync report."""
    return sha256(encode_days(rows)).digest()


def _order(row: DayRow) -> tuple[bytes, bytes, bytes]:
    return row.day.encode(), row.kind.encode(), row.channel.encode()


def _row(item: Any) -> DayRow:
    match item:
        case [str(day), str(kind), str(channel), int(count), bytes(digest)] if (
            not isinstance(count, bool)
            and 1 <= count <= UINT_MAX
            and len(digest) == DAY_DIGEST_BYTES
        ):
            return DayRow(day, kind, channel, count, digest)
    raise Malformed("shape", "a row of days")


class _Body(Struct, frozen=True):
    channel: str = ""


class _Counted(Struct, frozen=True):
    at: str = ""
    kind: str = ""
    body: _Body = _Body()


_read_counted = msgspec.json.Decoder(_Counted).decode
_read_any = msgspec.json.Decoder().decode


def day_kind_channel(event: bytes) -> tuple[str, str, str]:
    """Return what an event is counted under: day, kind and `body.channel` as written, cut short.

    A member that is absent or no text counts as "", a long one as `words` says. Poison counts as
    three times "", so that nobody has to agree on how to read what breaks the rules of reading.
    """
    try:
        ijson.check(event)
        counted = _read_counted(event)
    except Malformed:
        return "", "", ""
    except msgspec.ValidationError:  # a member of another type: take what is text
        return _texts_of(_read_any(event))
    return words(counted.at[:_DAY_LETTERS], counted.kind, counted.body.channel)


def words(day: str, kind: str, channel: str) -> tuple[str, str, str]:
    """Return three words, as an event or a `gone` entry has them, as both sides count them.

    Without U+0000, which no event can hold, and no longer than DAY_WORD_CHARS_MAX characters.
    """
    return _word(day), _word(kind), _word(channel)


def _word(text: str) -> str:
    return text.replace("\x00", "")[:DAY_WORD_CHARS_MAX]


def _texts_of(tree: dict[str, Any]) -> tuple[str, str, str]:
    body = tree.get("body")
    channel = body.get("channel") if isinstance(body, dict) else ""
    day, kind, channel = (
        member if isinstance(member, str) else ""
        for member in (tree.get("at"), tree.get("kind"), channel)
    )
    return words(day[:_DAY_LETTERS], kind, channel)
