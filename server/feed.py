"""The feed of events for integrators: every event once, in the order of its positions.

A line holds what the province knows of an event and, last, the very bytes the office wrote, so
that a reader can recompute the hash chain. An event whose retention is over stays as a line that
says so: readers erase it too. Bytes that are no JSON (poison) travel as base64.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server import cursors
from server.ingest import hashes_at
from server.store.engine import Store
from server.store.positions import FeedEvent, read_feed
from server.store.tables import office
from server.stored import Clock
from wire.chain import event_id
from wire.event import format_time

CHUNK_EVENTS: Final = 500  # read in one short transaction, so that a slow reader holds none open
CURSOR: Final = "events"
NOT_JSON: Final = frozenset({"event-malformed", "not-json", "not-utf8"})


class FeedLine(Struct, frozen=True, kw_only=True):
    """One line of `GET /v1/events`; `event` stands last.

    `subject` is the id of what the event tells of, its own for one that creates; None when it
    names none or cannot be read. `problem` is the code that keeps it out of everything derived.
    """

    cursor: str
    office: str
    office_id: str
    journal: str
    seq: int
    id: str
    subject: str | None
    hash: str
    received_at: str
    occurred_at: str | None
    clock: Clock
    problem: str | None
    redacted: bool | UnsetType = UNSET
    event_base64: str | UnsetType = UNSET
    event: Raw | UnsetType | None = UNSET


class _Named(Struct, frozen=True):
    """What the subject of an event is read from."""

    subject: int | str | None = None


_named = msgspec.json.Decoder(_Named)
_encode = msgspec.json.Encoder().encode


def position(cursor: str | None) -> int:
    """Return the position a reader has read up to. Raises Refusal field-invalid."""
    if cursor is None:
        return 0
    (place,) = cursors.read(cursor, CURSOR, tuple[int])
    return int(str(place))


async def lines(store: Store, after: int, limit: int) -> AsyncIterator[bytes]:
    """Yield up to `limit` lines behind position `after`, many lines a piece."""
    while limit > 0:
        async with store.read() as conn:
            events = await read_feed(conn, after, min(limit, CHUNK_EVENTS))
            if not events:
                return
            piece = await _written(conn, events)
        yield piece
        limit -= len(events)
        after = events[-1].position


async def _written(conn: AsyncConnection, events: Sequence[FeedEvent]) -> bytes:
    codes = await _codes(conn, events)
    subjects = await _subjects(conn, events)
    written = (
        _encode(_line(event, codes[event.office_id], subject))
        for event, subject in zip(events, subjects, strict=True)
    )
    return b"".join(line + b"\n" for line in written)


async def _codes(conn: AsyncConnection, events: Sequence[FeedEvent]) -> Mapping[bytes, str]:
    wanted = sorted({event.office_id for event in events})
    rows = await conn.execute(
        select(office.c.office_id, office.c.code).where(office.c.office_id.in_(wanted))
    )
    return {row.office_id: row.code for row in rows}


async def _subjects(conn: AsyncConnection, events: Sequence[FeedEvent]) -> list[str | None]:
    """Return the subject of each event: a number in its own journal becomes an id."""
    named = [_subject(event) for event in events]
    wanted: dict[tuple[bytes, int], set[int]] = {}
    for event, subject in zip(events, named, strict=True):
        if isinstance(subject, int) and subject != event.seq:
            wanted.setdefault((event.office_id, event.journal_no), set()).add(subject)
    hashes = {
        (*journal, seq): hash_
        for journal, seqs in wanted.items()
        for seq, hash_ in (await hashes_at(conn, *journal, sorted(seqs))).items()
    }
    found: list[str | None] = []
    for event, subject in zip(events, named, strict=True):
        if isinstance(subject, int):
            own = (event.office_id, event.journal_no, subject)
            hash_ = event.hash if subject == event.seq else hashes.get(own)
            found.append(None if hash_ is None else str(event_id(hash_)))
        else:
            found.append(subject)
    return found


def _subject(event: FeedEvent) -> int | str | None:
    if event.event is None or event.poison in NOT_JSON:
        return None
    try:
        subject = _named.decode(event.event).subject
    except msgspec.MsgspecError:
        return None
    return event.seq if subject is None else subject


def _line(event: FeedEvent, code: str, subject: str | None) -> FeedLine:
    redacted: bool | UnsetType = UNSET
    readable: Raw | UnsetType | None = UNSET
    bytes_64: str | UnsetType = UNSET
    if event.event is None:
        redacted = True
    elif event.poison in NOT_JSON:
        bytes_64, readable = base64.b64encode(event.event).decode(), None
    else:
        readable = Raw(event.event)
    return FeedLine(
        cursor=cursors.write(CURSOR, event.position),
        office=code,
        office_id=str(UUID(bytes=event.office_id)),
        journal=event.journal_id.hex(),
        seq=event.seq,
        id=str(event_id(event.hash)),
        subject=subject,
        hash=event.hash.hex(),
        received_at=format_time(event.received_ms),
        occurred_at=None if event.occurred_ms is None else format_time(event.occurred_ms),
        clock=event.clock,  # type: ignore[arg-type]  # a column that only takes the three
        problem=event.poison,
        redacted=redacted,
        event_base64=bytes_64,
        event=readable,
    )
