"""`days` of a sync report and how they are counted (section 9)."""

import hashlib
import itertools
import json

from . import cbor_strict, journal
from .cbor_strict import Value
from .event import check
from .refused import Refused, need, refuse
from .shapes import array, bstr, row, tstr, uint

_DAYS = array(row(tstr, tstr, tstr, uint(), bstr(8)))


def read(data: bytes) -> bytes:
    """Check `days`, give their digest."""
    value = cbor_strict.loads(data)
    _DAYS(value)
    if not isinstance(value, list):
        refuse("not an array")
    names = [_name(line) for line in value]
    need(all(a < b for a, b in itertools.pairwise(names)), "order")
    return hashlib.sha256(data).digest()


def _name(line: Value) -> list[bytes]:
    if not isinstance(line, list):
        refuse("not an array")
    need(line[3] != 0, "a row that counts nothing")
    return [part.encode() for part in line[:3] if isinstance(part, str)]


def tally(device_id: bytes, journal_id: bytes, events: list[bytes]) -> bytes:
    """Give the `days` of events from number 1 on."""
    before = journal.start(device_id, journal_id)
    counts: dict[tuple[bytes, ...], int] = {}
    sums: dict[tuple[bytes, ...], int] = {}
    for seq, event in enumerate(events, 1):
        before = journal.link(before, journal.digest(event))
        place = device_id + journal_id + seq.to_bytes(8, "big") + before
        name = _classify(event)
        counts[name] = counts.get(name, 0) + 1
        sums[name] = sums.get(name, 0) ^ int.from_bytes(hashlib.sha256(place).digest(), "big")
    rows: list[Value] = [
        [*(part.decode() for part in name), counts[name], sums[name].to_bytes(32, "big")[:8]]
        for name in sorted(counts)
    ]
    return cbor_strict.dumps(rows)


def _classify(event: bytes) -> tuple[bytes, ...]:
    """Day, kind and channel, at most 80 characters of each; poison has none."""
    try:
        check(event)
    except Refused:
        return b"", b"", b""
    value = json.loads(event.decode())
    day, kind = _text(value, "at")[:10], _text(value, "kind")
    channel = _text(value.get("body") if isinstance(value, dict) else None, "channel")
    return tuple(part[:80].encode() for part in (day, kind, channel))


def _text(value: object, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
