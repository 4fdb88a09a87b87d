"""Whether something may be said to offices, as far as it can be told without the database.

A line of a file to publish names a kind of desk event and brings its body. What the server writes
by its own commands (leases, revocations, new codes) is no kind to publish: said by hand, it would
tell offices what is not so here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from records import reading
from records.codes import parse_code
from records.desk_events import (
    DESK_BODIES,
    DossierAssigned,
    DossierProgressed,
    NumbersMapped,
    PolicySet,
)
from records.events import decode_body
from records.texts import wrong
from server import desk
from server.desk import Saying
from wire.event import body_of
from wire.foreign import read_json
from wire.ijson import nfc
from wire.problems import FieldError, Malformed, Refusal
from wire.texts import Text

OWN_KINDS: Final = frozenset({
    "conflict.settled", "desk.opened", "device.revoked", "event.rejected", "journal.released",
    "numbers.leased", "office.recoded", "successor.named",
})  # fmt: skip
"""Written by the server itself; publishing them by hand would break a promise."""

ABOUT_DOSSIER: Final = frozenset({
    "conflict.settled", "dossier.assigned", "dossier.progressed", "numbers.mapped",
})  # fmt: skip
"""What tells of one citizen's dossier: for the one device that keeps it, and for nobody else."""

PUBLISHED: Final = tuple(sorted(DESK_BODIES.keys() - OWN_KINDS))
DEPTH_MAX: Final = 32  # no body is deeper than four; a bomb ends here


class Refused(Exception):  # noqa: N818 - a judgement on a file
    """Nothing was published: `refusals` names each bad item by its place, from 0."""

    def __init__(self, refusals: Mapping[int, Refusal]) -> None:
        self.refusals = refusals
        super().__init__(f"{len(refusals)} items cannot be published")


class Judged(Struct, frozen=True):
    """An item that may be said, and its typed body."""

    saying: Saying
    body: Struct


class Line(Struct, frozen=True):
    """One line of a file to publish."""

    kind: str
    body: dict[str, Any]


class _Raw(Struct, frozen=True):
    kind: str
    body: msgspec.Raw


def read_line(line: bytes) -> tuple[str, bytes]:
    """Return kind and JSON body of one line.

    Raises Refusal not-json, field-missing, field-unknown or field-invalid, each place named.
    """
    try:
        value = reading.parse_json(line.decode(), DEPTH_MAX)
    except (ValueError, RecursionError) as error:
        detail = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise Refusal("not-json", detail) from error
    errors: list[FieldError] = []
    reading.read(value, reading.info_of(Line), "", errors)
    _raise(errors)
    raw = msgspec.json.decode(line, type=_Raw)
    return raw.kind, bytes(raw.body)


def judge_all(items: Sequence[tuple[str, bytes]]) -> list[Judged]:
    """Judge every item (kind, JSON body). Raises Refused that names all that cannot be said."""
    judged: list[Judged] = []
    refusals: dict[int, Refusal] = {}
    for place, (kind, body) in enumerate(items):
        try:
            judged.append(judge(kind, body))
        except Refusal as refusal:
            refusals[place] = refusal
        except Malformed as error:
            refusals[place] = Refusal("event-malformed", str(error))
    if refusals:
        raise Refused(refusals)
    return judged


def judge(kind: str, body: bytes) -> Judged:
    """Return what is to be said, checked: a kind that is published, a body that makes sense.

    Raises Refusal type-unknown, not-json, field-invalid, field-missing or field-unknown, Malformed
    when it is too large for an event.
    """
    if kind not in PUBLISHED:
        raise _no_kind(kind)
    try:
        value: Any = nfc(read_json(body, object))
    except Malformed as error:
        raise Refusal("not-json", str(error)) from error
    errors: list[FieldError] = []
    reading.read(value, reading.info_of(DESK_BODIES[kind]), "body", errors)
    _raise(errors)
    raw = body_of(value)
    typed = decode_body(kind, raw)
    _raise(_senseless(typed))
    saying = Saying(kind, raw)
    desk.write(saying, 0)  # raises here what cannot be an event
    return Judged(saying, typed)


def _raise(errors: Sequence[FieldError]) -> None:
    if errors:
        raise Refusal(errors[0].code, errors=errors)


def _no_kind(kind: str) -> Refusal:
    listed = ", ".join(PUBLISHED)
    if kind in OWN_KINDS:
        text = Text(
            vi=f"“{kind}” do máy chủ tự ghi, không gửi bằng tay. Có thể gửi: {listed}",
            en=f"“{kind}” is written by the server itself, not by hand. Can be published: {listed}",
        )
    else:
        text = Text(
            vi=f"Không có loại tin “{kind}”. Có thể gửi: {listed}",
            en=f"No kind of desk event is called “{kind}”. Can be published: {listed}",
        )
    return Refusal("type-unknown", text, [FieldError("kind", "type-unknown", text)])


def _senseless(body: Struct) -> list[FieldError]:
    """Return what the type of a body cannot say."""
    if isinstance(body, PolicySet) and body.until is not None and body.until <= body.start:
        text = Text(vi="Phải sau thời điểm bắt đầu (from).", en="Must be later than “from”.")
        return [FieldError("body.until", "field-invalid", text)]
    if isinstance(body, DossierProgressed) and body.heard is not None:
        return [wrong("body.heard", "unknown", "field-unknown")]  # the server knows it itself
    if isinstance(body, NumbersMapped | DossierAssigned) and body.code is not None:
        return [] if parse_code(body.code) is not None else [wrong("body.code", "unreadable")]
    return []
