"""Runs one text vector through this implementation (tests/vectors/README.md has the format).

`python -m wire.vectorcheck` reads a vector from standard input and prints `ok <hex>` or
`refused <reason>`. `check` is the same as a pure function.
"""

import sys
import zlib
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from wire import (
    blob,
    block,
    box,
    cbor,
    chain,
    codec,
    cose,
    digests,
    enrolment,
    ijson,
    message,
    plaintext,
    shape,
    short,
    short_plaintext,
    statements,
    succession,
    turns,
)
from wire.keys import SealingKey, VerifyKey
from wire.limits import MESSAGE_BYTES_MAX
from wire.plaintext import SESSION_BYTES
from wire.problems import Malformed, Refusal
from wire.short_plaintext import Standing
from wire.statements import Statement

EXIT_NO_VECTOR = 2


class Outcome(Struct, frozen=True):
    """What an implementation says to a vector: accepted with a result, or refused."""

    accepted: bool
    result: bytes = b""
    reason: str = ""

    def __str__(self) -> str:
        if not self.accepted:
            return f"refused {self.reason}"
        return f"ok {self.result.hex()}" if self.result else "ok"


class Vector(Struct, frozen=True):
    """A vector taken apart: its header, and the bytes below."""

    header: Mapping[str, str]
    payload: bytes

    def text(self, name: str) -> str:
        """Return a header value as written."""
        if name not in self.header:
            raise ValueError(f"the vector has no {name}")
        return self.header[name]

    def octets(self, name: str) -> bytes:
        """Return a header value written in hex."""
        return bytes.fromhex(self.text(name))

    def number(self, name: str) -> int:
        """Return a header value written in decimal digits."""
        return int(self.text(name))

    def lines(self) -> list[bytes]:
        """Return the events of a payload that holds some, joined by 0x0A."""
        return self.payload.split(b"\n")


def parse(text: str) -> Vector:
    """Take a vector apart: `key: value` lines, an empty line, hex in any lines.

    Raises:
        ValueError: it has another form.
    """
    head, _, body = text.partition("\n\n")
    header: dict[str, str] = {}
    for line in head.splitlines():
        key, colon, value = line.partition(":")
        if not colon or key in header:
            raise ValueError(f"no header line: {line}")
        header[key] = value.strip()
    payload = bytes.fromhex(body)
    if header.get("compressed") == "zlib":
        payload = zlib.decompress(payload)
    return Vector(header, payload)


def check(text: str) -> Outcome:
    """Return what this implementation says to a vector.

    Raises:
        ValueError: the text is no vector, or of a kind nobody knows.
    """
    vector = parse(text)
    kind = vector.text("kind")
    if kind not in CHECKS:
        raise ValueError(f"no kind of vector: {kind}")
    try:
        return Outcome(accepted=True, result=CHECKS[kind](vector))
    except Malformed as malformed:
        return Outcome(accepted=False, reason=malformed.reason)
    except Refusal as refusal:
        return Outcome(accepted=False, reason=refusal.code)


def main() -> int:
    """Check the vector on standard input."""
    try:
        outcome = check(sys.stdin.read())
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_NO_VECTOR
    sys.stdout.write(f"{outcome}\n")
    return 0


def _cbor(vector: Vector) -> bytes:
    return cbor.encode(cbor.decode(vector.payload))


def _sealing_key(vector: Vector) -> bytes:
    return SealingKey(vector.payload).public


def _device_id(vector: Vector) -> bytes:
    return VerifyKey(vector.payload).key_id


def _statement(vector: Vector) -> bytes:
    kinds: dict[str, type[Statement]] = {k.NAME: k for k in Statement.__subclasses__()}
    statements.verify(vector.payload, kinds[vector.text("name")], VerifyKey(vector.octets("key")))
    return cose.parse_sign1(vector.payload).payload


def _successor(vector: Vector) -> bytes:
    """Return the province.cose that takes the place of the one held; empty when none does."""
    held = statements.read_unverified(vector.octets("held"), statements.Province)
    followed = succession.succeed(held, vector.payload)
    return b"" if followed is None else followed.cose


def _ticket(vector: Vector) -> bytes:
    text = vector.payload.decode("latin-1")  # whatever is no base45 is refused as such
    enrolment.check_ticket(text, vector.octets("province"), vector.number("now"))
    return cose.parse_sign1(enrolment.read_ticket(text)).payload


def _message(vector: Vector) -> bytes:
    envelope = message.parse_full(vector.payload, limit=MESSAGE_BYTES_MAX)
    message.verify_full(envelope, VerifyKey(vector.octets("sender")))
    direction: Literal["up", "down"] = "up" if vector.text("direction") == "up" else "down"
    return message.decrypt_full(envelope, SealingKey(vector.octets("receiver-seed")), direction)


def _enrolment(vector: Vector) -> bytes:
    envelope = enrolment.parse_request(vector.payload)
    opened = enrolment.open_request(envelope, SealingKey(vector.octets("receiver-seed")))
    return plaintext.encode_enrolment(opened.request)


def _up(vector: Vector) -> bytes:
    return plaintext.encode_up(plaintext.decode_up(vector.payload))


def _down(vector: Vector) -> bytes:
    return plaintext.encode_down(plaintext.decode_down(vector.payload))


def _session(vector: Vector) -> bytes:
    """Return the name of a session and its keys.

    `SessionKeys` never gives keys away, so they are derived once more; that it seals with these
    the vectors of kind `short` show.
    """
    session = shape.octets(SESSION_BYTES)(vector.payload, "session")
    keys = (
        HKDF(SHA256(), 32, None, f"commune/session/1/{name}".encode()).derive(session)
        for name in ("up", "down")
    )
    return short.SessionKeys(session).kid + b"".join(keys)


def _short(vector: Vector) -> bytes:
    envelope = short.parse_short(vector.payload)
    keys, device_id = short.SessionKeys(vector.octets("session")), vector.octets("device-id")
    if vector.text("direction") == "up":
        return keys.open_up(envelope, device_id=device_id)
    request = vector.octets("request")
    return keys.open_down(envelope, device_id=device_id, request_hash=request)


def _short_up(vector: Vector) -> bytes:
    standing = Standing(*map(vector.octets, Standing._fields))
    return plaintext.encode_up(short_plaintext.decode_short_up(vector.payload, standing))


def _short_down(vector: Vector) -> bytes:
    office, journal, desk = map(vector.octets, ("office", "journal", "desk"))
    standing = Standing(office, journal, desk, boot=b"")  # a down has no boot
    down = short_plaintext.decode_short_down(vector.payload, standing, vector.octets("re"))
    return plaintext.encode_down(down)


def _event(vector: Vector) -> bytes:
    ijson.check(vector.payload)
    return chain.event_digest(vector.payload)


def _chain(vector: Vector) -> bytes:
    head = chain.genesis(vector.octets("device-id"), vector.octets("journal-id"))
    for event in vector.lines() if vector.payload else []:
        head = chain.extend(head, event)
    return head.hash + chain.event_id(head.hash).bytes


def _frame(vector: Vector) -> bytes:
    return codec.inflate(vector.payload, vector.number("codec"), vector.number("limit"))


def _events(vector: Vector) -> bytes:
    chained = block.unpack(plaintext.read_events(cbor.decode(vector.payload), "events"))
    if "head-seq" in vector.header:
        head = chain.Head(vector.number("head-seq"), vector.octets("head-hash"))
        block.check_against(chained, head)
    return chained[-1].hash


def _days(vector: Vector) -> bytes:
    return digests.days_digest(digests.decode_days(vector.payload))


def _tally(vector: Vector) -> bytes:
    device, journal = vector.octets("device-id"), vector.octets("journal-id")
    tally, head = digests.DayTally(), chain.genesis(device, journal)
    for event in vector.lines():
        head = chain.extend(head, event)
        mark = digests.event_mark(device, journal, head.seq, head.hash)
        tally.add(*digests.day_kind_channel(event), mark)
    return digests.encode_days(tally.rows())


def _turn(vector: Vector) -> bytes:
    hashed = sha256(vector.payload).digest()
    return turns.turn_after(vector.octets("shown"), hashed, vector.octets("key"))


def _blob(vector: Vector) -> bytes:
    """Return blob_id ‖ SHA-256 of the file: what a good blob holds, however large."""
    decryptor = blob.Decryptor(vector.octets("key"))
    plain = decryptor.update(vector.payload) + decryptor.finish()
    return sha256(vector.payload).digest() + sha256(plain).digest()


def _box(vector: Vector) -> bytes:
    parts = (vector.text(name) for name in box.PARTS)
    return box.box(vector.payload, *parts)


CHECKS: Mapping[str, Callable[[Vector], bytes]] = {
    "blob": _blob,
    "box": _box,
    "cbor": _cbor,
    "chain": _chain,
    "days": _days,
    "device-id": _device_id,
    "down": _down,
    "enrolment": _enrolment,
    "event": _event,
    "events": _events,
    "frame": _frame,
    "message": _message,
    "sealing-key": _sealing_key,
    "session": _session,
    "short": _short,
    "short-down": _short_down,
    "short-up": _short_up,
    "statement": _statement,
    "tally": _tally,
    "successor": _successor,
    "ticket": _ticket,
    "turn": _turn,
    "up": _up,
}
"""Kinds of vectors, each with what reads its payload and returns the result."""

if __name__ == "__main__":
    sys.exit(main())
