"""Later events that came by stick before the ones between: kept until the gap closes by itself.

A message carried by hand whose events begin beyond held + 1 gets the verdict `gap`, and its block
is kept as it travelled. Whatever closes the gap later, the line or another stick, is continued by
what waits, as if it had been the end of that very message: the receipt covers both. So any order,
repeated and racing, leads to the same journal, and an office without a line need not export
everything again.

What does not lead on when its turn comes is forgotten, and beyond `ASIDE_BYTES_MAX` a journal what
lies furthest ahead is: the office still has it, and is told (`ahead-full`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.context import ServerContext
from server.devices import Device
from server.first_contact import Contact
from server.judging import Judged, judge_all
from server.request import Request
from server.store.ahead_tables import ahead
from wire import block
from wire.block import ChainedEvent, EventsBlock, Gone
from wire.chain import Head
from wire.limits import ASIDE_BYTES_MAX, EVENTS_COUNT_MAX
from wire.plaintext import Problem

FULL: Final = "ahead-full"
JOINED_BYTES_MAX: Final = 8 << 20
"""Packed bytes that one message brings along at most: the rest follows with the next one."""

_gone = msgspec.msgpack.Decoder(tuple[Gone, ...])


async def meet(  # noqa: PLR0917 - one message and where it meets its journal
    conn: AsyncConnection,
    ctx: ServerContext,
    device: Device,
    request: Request,
    contact: Contact,
    now_ms: int,
) -> tuple[Request, Contact]:
    """Keep what a stick brought too early, or let what waits follow what came now.

    Returns the message and the contact with the events that follow as its last ones. Call it with
    the device locked.
    """
    if contact.verdict == "gap" and ctx.carried and device.state != "revoked":
        return await _keep(conn, device, request, now_ms), contact
    if contact.verdict != "ok" or contact.place is None or not _ends(request, contact):
        return request, contact
    return await _follow(conn, device, request, contact)


def _mine(device: Device, request: Request) -> Any:
    return (
        (ahead.c.office_id == device.office_id)
        & (ahead.c.device_id == device.device_id)
        & (ahead.c.journal_id == request.up.journal)
    )


async def _keep(conn: AsyncConnection, device: Device, request: Request, now_ms: int) -> Request:
    """Keep a block; of two that begin at one place the longer. Returns the message, remarked on."""
    events, mine = request.up.events, _mine(device, request)
    if events is None or not request.judged:
        return request
    first, last = events.first, request.judged[-1].chained.seq
    same = mine & (ahead.c.first == first) & (ahead.c.prev == events.prev)
    held = (await conn.execute(select(ahead.c.last).where(same))).scalar()
    if held is not None and held >= last:
        return request
    await conn.execute(delete(ahead).where(same))
    gone = msgspec.msgpack.encode(events.gone)
    await conn.execute(
        ahead.insert().values(
            office_id=device.office_id,
            device_id=device.device_id,
            journal_id=request.up.journal,
            first=first,
            prev=events.prev,
            last=last,
            codec=events.codec,
            data=events.data,
            gone=gone,
            bytes=len(events.data) + len(gone),
            received_ms=now_ms,
        )
    )
    return await _make_room(conn, mine, request)


async def _make_room(conn: AsyncConnection, mine: Any, request: Request) -> Request:
    """Forget what lies furthest ahead until the rest fits; the answer says from where on."""
    rows = await conn.execute(
        select(ahead.c.first, ahead.c.prev, ahead.c.bytes)
        .where(mine)
        .order_by(ahead.c.first, ahead.c.received_ms, ahead.c.prev)
    )
    room, dropped = ASIDE_BYTES_MAX, []
    for row in rows:
        room -= row.bytes
        if room < 0:
            dropped.append(row)
    for row in dropped:
        one = mine & (ahead.c.first == row.first) & (ahead.c.prev == row.prev)
        await conn.execute(delete(ahead).where(one))
    if not dropped:
        return request
    told = Problem(0, FULL, f"from {dropped[0].first}")
    return replace(request, remarks=(*request.remarks, told))


def _ends(request: Request, contact: Contact) -> bool:
    """Whether the message reaches the end of what is held once it is taken in."""
    place, judged = contact.place, request.judged
    held = 0 if place is None else place.head.seq
    return contact.fresh > 0 or not judged or judged[-1].chained.seq == held


async def _follow(
    conn: AsyncConnection, device: Device, request: Request, contact: Contact
) -> tuple[Request, Contact]:
    mine = _mine(device, request)
    end = _end(request, contact)
    found: list[ChainedEvent] = []
    taken = 0
    while taken < JOINED_BYTES_MAX and len(found) < EVENTS_COUNT_MAX:
        row = await _next(conn, mine, end)
        if row is None:
            break
        taken += row.bytes
        events = _block(row)
        items = _leading_on(await asyncio.to_thread(block.unpack, events), events.prev, end)
        found += items
        end = Head(items[-1].seq, items[-1].hash) if items else end
        one = mine & (ahead.c.first == row.first) & (ahead.c.prev == row.prev)
        await conn.execute(delete(ahead).where(one))
    if not found:
        return request, contact
    judged: Sequence[Judged] = await asyncio.to_thread(judge_all, found)
    longer = replace(request, judged=[*request.judged, *judged])
    return longer, replace(contact, fresh=contact.fresh + len(judged))


def _end(request: Request, contact: Contact) -> Head:
    if contact.fresh:
        last = request.judged[-1].chained
        return Head(last.seq, last.hash)
    return contact.start if contact.place is None else contact.place.head


async def _next(conn: AsyncConnection, mine: Any, end: Head) -> Any:
    """Return the block that may lead on from here, the one that begins first."""
    query = select(ahead).where(mine, ahead.c.first <= end.seq + 1)
    return (await conn.execute(query.order_by(ahead.c.first, ahead.c.prev).limit(1))).one_or_none()


def _leading_on(items: Sequence[ChainedEvent], prev: bytes, end: Head) -> list[ChainedEvent]:
    """Return those of a block's events that follow `end`; none of another branch."""
    passed = end.seq + 1 - items[0].seq
    before = items[passed - 1].hash if 0 < passed <= len(items) else prev
    return [*items[passed:]] if before == end.hash else []


def _block(row: Any) -> EventsBlock:
    return EventsBlock(row.first, row.prev, row.codec, row.data, _gone.decode(row.gone))
