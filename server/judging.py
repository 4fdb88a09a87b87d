"""Read a batch of chained events without a database: what each says, and what is wrong with it.

Poison never blocks (docs/protocol.md section 5): bytes that break the event format, a body that
does not fit its kind, or a time that cannot be read are kept with the code of the problem and
left out of the projections. A kind this program does not know is no poison. Pure, so it runs
beside the event loop and before the transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from records.events import UnknownKind, decode_body
from wire.block import ChainedEvent
from wire.digests import day_kind_channel, words
from wire.event import Event, decode, parse_time
from wire.ijson import check
from wire.problems import Malformed, Refusal

DETAIL_CHARS_MAX = 300


class Judged(NamedTuple):
    """One chained event, read.

    `event`, `body` and `at_ms` are None as far as the bytes cannot be read or are gone. `poison`
    is the code of the problem that keeps the event out of the projections, `detail` says more
    without repeating content.
    """

    chained: ChainedEvent
    event: Event | None
    body: Struct | None
    at_ms: int | None
    day: str
    kind: str
    channel: str
    poison: str | None = None
    detail: str = ""


def judge_all(chained: Sequence[ChainedEvent]) -> list[Judged]:
    """Judge every event of a batch."""
    return [judge(item) for item in chained]


def judge(chained: ChainedEvent) -> Judged:
    """Judge one event; never raises for what its bytes hold."""
    raw = chained.event
    if raw is None:
        gone = chained.gone
        if gone is None:
            raise ValueError("a chained event has bytes or a gone entry")
        return Judged(chained, None, None, None, *words(gone.day, gone.kind, gone.channel))
    try:
        check(raw)
        event = decode(raw)
    except Malformed as error:
        code = error.reason if error.reason in ("not-utf8", "not-json") else "event-malformed"
        return _poison(chained, code, str(error))
    day, kind, channel = day_kind_channel(raw)
    body: Struct | None = None
    at_ms: int | None = None
    try:
        at_ms = parse_time(event.at)
        if isinstance(event.subject, int) and not 0 < event.subject <= chained.seq:
            return Judged(chained, event, None, at_ms, day, kind, channel, *_SUBJECT)
        if isinstance(event.subject, str):
            UUID(event.subject)
        body = decode_body(event.kind, event.body)
    except UnknownKind:
        pass  # kept and shown again after an upgrade
    except Refusal as refusal:
        detail = "; ".join(f"{error.path}: {error.message.en}" for error in refusal.errors)
        detail = (detail or refusal.detail.en)[:DETAIL_CHARS_MAX]
        return Judged(chained, event, None, at_ms, day, kind, channel, refusal.code, detail)
    except Malformed as error:
        return Judged(chained, event, None, at_ms, day, kind, channel, "field-invalid", str(error))
    except ValueError:
        return Judged(chained, event, None, at_ms, day, kind, channel, *_SUBJECT)
    return Judged(chained, event, body, at_ms, day, kind, channel)


_SUBJECT = ("field-invalid", "subject: no event of this journal and no id")


def _poison(chained: ChainedEvent, code: str, detail: str) -> Judged:
    day, kind, channel = day_kind_channel(chained.event or b"")
    return Judged(chained, None, None, None, day, kind, channel, code, detail[:DETAIL_CHARS_MAX])
