"""One event: a fact, written once as the bytes that are hashed, sent and kept (section 3).

Readers are tolerant: unknown kinds and members stay in the bytes, which nobody writes again.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any
from unicodedata import is_normalized

import msgspec
from msgspec import Raw, Struct

from wire import ijson
from wire.limits import EVENT_BYTES_MAX
from wire.problems import Malformed

OFFICE_ZONE = timezone(timedelta(hours=7))
"""Viet Nam's time; events are written in it whatever the machine's zone."""

YEARS = range(1000, 9000)
"""Years a time may bear: nearer the ends of the calendar another zone, or a term added, would be
no date any more, and one such time would stop every list that shows it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The members of an event in their order on the wire (docs/protocol.md section 3).

    `subject` is the seq in the same journal or the id of the creating event, None in that event
    itself. `at` is the device's wall clock as RFC 3339 in whole seconds, `actor` the clerk or
    `device:<name>`. `clock` is None while trusted, else `unsynced` or `suspect`, with `boot`
    (16 hex digits) and `mono` (ms since that boot) beside it. `seen` is the last event about the
    subject that the author knew, when not the newest of the own journal. `again` is the id of an
    own event that this one enters anew (section 6). `salt` is base64url of 8 random bytes, in
    kinds that are forgotten after a time.
    """

    kind: str
    subject: int | str | None = None
    at: str
    actor: str
    v: int = 1
    clock: str | None = None
    boot: str | None = None
    mono: int | None = None
    seen: int | str | None = None
    again: str | None = None
    body: Raw
    salt: str | None = None


_encode = msgspec.json.Encoder().encode
_decode_event = msgspec.json.Decoder(Event).decode
_decode_any = msgspec.json.Decoder().decode


def encode(event: Event) -> bytes:
    """Return the bytes of `event`, with all text in NFC.

    Raises:
        Malformed: it cannot be an event: `lone-surrogate`, `body`, or a reason of `ijson.check`.
    """
    if not bytes(event.body).startswith(b"{"):
        raise Malformed("body", "an object was expected")
    data = _to_json(event)
    ijson.check(data)
    return _in_nfc(data)


def encode_typed(event: Event) -> bytes:
    """Return the same as `encode`, in half the time, for a body that is `body_of` a Struct.

    What the encoder writes of typed values has no white space and no member twice. Only size,
    depth, numbers and U+0000 are left to judge, and what does not surely pass is judged in full.

    Raises:
        Malformed: as `encode`.
    """
    data = _to_json(event)
    if len(data) > EVENT_BYTES_MAX or not ijson.looks_plain(data):
        ijson.check(data)
    return _in_nfc(data)


def _in_nfc(data: bytes) -> bytes:
    # An escape hides text from the test for NFC, so it sends the event the long way round.
    if b"\\u" in data or not is_normalized("NFC", data.decode()):
        data = _to_json(ijson.nfc(_decode_any(data)))
        ijson.check(data)
    return data


def decode(data: bytes) -> Event:
    """Read the members of an event; unknown ones are left in `data`.

    Does not judge the form of the bytes: that is `ijson.check`.

    Raises:
        Malformed: `not-json`, or `member` when one is missing or of another type.
    """
    try:
        return _decode_event(data)
    except msgspec.ValidationError as error:
        raise Malformed("member", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("not-json", str(error)) from None
    except RecursionError:
        raise Malformed("depth") from None


def body_of(value: Struct | Mapping[str, Any]) -> Raw:
    """Return the JSON of a body, ready to stand in an Event."""
    return Raw(_to_json(value))


def format_time(epoch_ms: int) -> str:
    """Return a moment as events write it: `2026-11-21T08:31:05+07:00`, milliseconds cut off."""
    return datetime.fromtimestamp(epoch_ms // 1000, OFFICE_ZONE).isoformat()


@lru_cache(maxsize=64)
def parse_time(text: str) -> int:
    """Return the milliseconds since the epoch of an RFC 3339 time with any offset.

    Raises:
        Malformed: `time`: another form, a year outside YEARS, or no moment at all (30 February,
            a leap second).
    """
    if not _RFC3339.fullmatch(text):
        raise Malformed("time", "RFC 3339 with seconds and offset was expected")
    if int(text[:4]) not in YEARS:
        raise Malformed("time", "the year is out of range")
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        raise Malformed("time", "there is no such moment") from None


def _to_json(value: object) -> bytes:
    try:
        return _encode(value)
    except UnicodeEncodeError:
        raise Malformed("lone-surrogate") from None
