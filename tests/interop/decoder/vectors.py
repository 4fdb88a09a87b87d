"""Read a text vector (tests/vectors/README.md) and answer it."""

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from . import (
    blobs,
    boxes,
    cbor_strict,
    days,
    event,
    frames,
    journal,
    message,
    plaintext,
    short,
    statements,
    succession,
    tickets,
    xwing,
)
from .refused import Refused


@dataclass(frozen=True)
class Vector:
    """A vector's keys and its payload."""

    keys: dict[str, str]
    payload: bytes

    def hex(self, key: str) -> bytes:
        """Give the bytes a key holds."""
        return bytes.fromhex(self.keys[key])

    def number(self, key: str) -> int:
        """Give the decimal number a key holds."""
        return int(self.keys[key])


def parse(text: str) -> Vector:
    """Part the keys from the payload."""
    top, _, body = text.partition("\n\n")
    keys: dict[str, str] = {}
    for line in top.splitlines():
        key, _, value = line.partition(":")
        keys[key] = value.removeprefix(" ")
    payload = bytes.fromhex("".join(body.split()))
    return Vector(keys, zlib.decompress(payload) if "compressed" in keys else payload)


def _short(v: Vector) -> bytes:
    down = v.keys["direction"] == "down"
    return short.open_short(
        v.payload,
        v.keys["direction"],
        v.hex("session"),
        v.hex("device-id"),
        v.hex("request") if down else b"",
    )


def _stand(v: Vector, *names: str) -> dict[str, bytes]:
    return {name: v.hex(name) for name in names}


def _short_up(v: Vector) -> bytes:
    stand = _stand(v, "office", "journal", "desk", "boot")
    return cbor_strict.dumps(plaintext.short_up(v.payload, stand))


def _short_down(v: Vector) -> bytes:
    stand = _stand(v, "office", "journal", "desk", "re")
    return cbor_strict.dumps(plaintext.short_down(v.payload, stand))


def _session(v: Vector) -> bytes:
    keys = short.derive(v.payload)
    return keys.kid + keys.up + keys.down


def _event(v: Vector) -> bytes:
    event.check(v.payload)
    return journal.digest(v.payload)


def _chain(v: Vector) -> bytes:
    before = journal.start(v.hex("device-id"), v.hex("journal-id"))
    last = journal.chain(before, journal.split(v.payload))
    return last + journal.event_id(last)


def _events(v: Vector) -> bytes:
    head = None
    if "head-seq" in v.keys:
        head = journal.Head(v.number("head-seq"), v.hex("head-hash"))
    return journal.read_events(v.payload, head)


def _days(v: Vector) -> bytes:
    return days.tally(v.hex("device-id"), v.hex("journal-id"), journal.split(v.payload))


def _box(v: Vector) -> bytes:
    return boxes.box(v.payload, v.keys["machine"], v.keys["disk"], v.keys["net"])


KINDS: dict[str, Callable[[Vector], bytes]] = {
    "cbor": lambda v: cbor_strict.dumps(cbor_strict.loads(v.payload)),
    "sealing-key": lambda v: xwing.PrivateKey(v.payload).public,
    "device-id": lambda v: hashlib.sha256(v.payload).digest(),
    "message": lambda v: message.open_full(
        v.payload, v.keys["direction"], v.hex("sender"), v.hex("receiver-seed")
    ),
    "up": lambda v: cbor_strict.dumps(plaintext.full_up(v.payload)),
    "down": lambda v: cbor_strict.dumps(plaintext.full_down(v.payload)),
    "session": _session,
    "short": _short,
    "short-up": _short_up,
    "short-down": _short_down,
    "enrolment": lambda v: message.open_enrolment(v.payload, v.hex("receiver-seed")),
    "statement": lambda v: statements.verify(v.payload, v.keys["name"], v.hex("key")),
    "successor": lambda v: succession.follow(v.hex("held"), v.payload),
    "ticket": lambda v: tickets.read(v.payload, v.hex("province"), v.number("now")),
    "event": _event,
    "chain": _chain,
    "frame": lambda v: frames.inflate(v.payload, v.number("codec"), v.number("limit")),
    "events": _events,
    "days": lambda v: days.read(v.payload),
    "tally": _days,
    "turn": lambda v: boxes.turn(v.hex("key"), v.hex("shown"), v.payload),
    "blob": lambda v: blobs.read(v.payload, v.hex("key")),
    "box": _box,
}


def answer(v: Vector) -> str:
    """Give the line the runner waits for."""
    try:
        result = KINDS[v.keys["kind"]](v)
    except Refused as why:
        return f"refused {why}"
    return f"ok {result.hex()}".rstrip()
