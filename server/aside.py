"""What is stored in full and accepted by nobody yet: a tree of events by hash (section 6).

Branches of a forked journal, journals that may not be opened, and everything a quarantined device
says. Nothing of it is projected or stands in the feed. A branch grows from a place of the journal
that the province holds, from another branch, or from hash(0); each node names the hash before it,
so the tree proves itself as the journals do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server import places
from server.ingest import IN_MAX
from server.places import Place
from server.request import Request
from server.store.tables import aside_event
from wire.block import ChainedEvent, Gone
from wire.chain import Head, event_digest, genesis, link


class Owner(Struct, frozen=True):
    """Whose branches: a journal of a device of an office, opened or not."""

    office_id: bytes
    device_id: bytes
    journal_id: bytes

    @property
    def rows(self) -> ColumnElement[bool]:
        """The condition that selects its nodes."""
        return (
            (aside_event.c.office_id == self.office_id)
            & (aside_event.c.device_id == self.device_id)
            & (aside_event.c.journal_id == self.journal_id)
        )


class Kept(Struct, frozen=True):
    """The head of the message's own branch as far as it is held, and how many events were new."""

    head: Head
    fresh: int = 0


async def keep(
    conn: AsyncConnection, owner: Owner, place: Place | None, request: Request, now_ms: int
) -> Kept:
    """Store the events of a message that are held nowhere.

    `place` is the journal itself as far as the province has it; call it with the device locked.
    Events that lead on from nothing that is held are not kept: the branch is wanted from its
    beginning, which is what the head says then.
    """
    up, items = request.up, [item.chained for item in request.judged]
    start = genesis(owner.device_id, owner.journal_id)
    fresh = 0
    if items and up.events is not None:
        if not await _holds(conn, owner, place, Head(items[0].seq - 1, up.events.prev)):
            return Kept(start)
        fresh = await _store(conn, owner, place, items, up.events.prev, now_ms)
    if await _holds(conn, owner, place, up.head):
        return Kept(up.head, fresh)
    return Kept(Head(items[-1].seq, items[-1].hash) if items else start, fresh)


async def branch_under(conn: AsyncConnection, owner: Owner, request: Request) -> list[ChainedEvent]:
    """Return the branch that a message stands on, or else goes on from; empty: on none."""
    up = request.up
    hashes = [up.head.hash] if up.events is None else [up.head.hash, up.events.prev]
    held = await _nodes(conn, owner, hashes)
    known = next((hash_ for hash_ in hashes if hash_ in held), None)
    return [] if known is None else await branch(conn, owner, known)


async def branch(conn: AsyncConnection, owner: Owner, head: bytes) -> list[ChainedEvent]:
    """Return the events of the branch that ends with this hash, from where it grows, in order.

    Empty when no such node lies aside.
    """
    rows = await conn.execute(
        select(aside_event).where(owner.rows).order_by(aside_event.c.seq.desc())
    )
    found: list[ChainedEvent] = []
    wanted = head
    for row in rows:
        if row.hash == wanted:
            found.append(_chained(row))
            wanted = row.prev
    return found[::-1]


def behind(place: Place, events: Sequence[ChainedEvent]) -> list[ChainedEvent]:
    """Return those events of a branch whose numbers lie behind the held head of its journal."""
    return [item for item in events if item.seq > place.head.seq]


def leads_on(place: Place, events: Sequence[ChainedEvent]) -> bool:
    """Return whether events grow from the journal's very head, with no number left out."""
    first = place.head.seq + 1
    whole = [item.seq for item in events] == [*range(first, first + len(events))]
    return whole and link(place.head.hash, events[0].digest) == events[0].hash


async def heads(conn: AsyncConnection, owner: Owner) -> list[Head]:
    """Return the ends of all branches, the longest first."""
    inner = aside_event.alias("inner")
    before = select(inner.c.prev).where(
        inner.c.office_id == owner.office_id,
        inner.c.device_id == owner.device_id,
        inner.c.journal_id == owner.journal_id,
    )
    rows = await conn.execute(
        select(aside_event.c.seq, aside_event.c.hash)
        .where(owner.rows, aside_event.c.hash.not_in(before))
        .order_by(aside_event.c.seq.desc(), aside_event.c.hash)
    )
    return [Head(row.seq, row.hash) for row in rows]


async def owners(conn: AsyncConnection) -> list[tuple[Owner, int]]:
    """Return every journal with something aside, and how many events that is."""
    key = (aside_event.c.office_id, aside_event.c.device_id, aside_event.c.journal_id)
    rows = await conn.execute(select(*key, func.count()).group_by(*key).order_by(*key))
    return [(Owner(*row[:3]), row[3]) for row in rows]


async def forget(conn: AsyncConnection, owner: Owner, events: Sequence[ChainedEvent]) -> None:
    """Take these events out of the tree: they stand in their journal now."""
    hashes = [item.hash for item in events]
    for first in range(0, len(hashes), IN_MAX):
        part = hashes[first : first + IN_MAX]
        await conn.execute(delete(aside_event).where(owner.rows, aside_event.c.hash.in_(part)))


async def _store(  # noqa: PLR0917 - one block and where it belongs
    conn: AsyncConnection,
    owner: Owner,
    place: Place | None,
    items: Sequence[ChainedEvent],
    prev: bytes,
    now_ms: int,
) -> int:
    held = await _nodes(conn, owner, [item.hash for item in items])
    if place is not None:
        held |= await _of_the_journal(conn, place, items)
    rows = [row for row in _rows(owner, items, prev, now_ms) if row["hash"] not in held]
    if rows:
        await conn.execute(aside_event.insert(), rows)
    return len(rows)


def _rows(
    owner: Owner, items: Sequence[ChainedEvent], prev: bytes, now_ms: int
) -> Iterator[Mapping[str, Any]]:
    for item in items:
        gone = item.gone
        yield {
            "office_id": owner.office_id,
            "hash": item.hash,
            "device_id": owner.device_id,
            "journal_id": owner.journal_id,
            "seq": item.seq,
            "prev": prev,
            "event": item.event,
            "digest": None if gone is None else gone.digest,
            "day": None if gone is None else gone.day,
            "kind": None if gone is None else gone.kind,
            "channel": None if gone is None else gone.channel,
            "received_ms": now_ms,
        }
        prev = item.hash


def _chained(row: Any) -> ChainedEvent:
    if row.event is None:
        gone = Gone(row.seq, row.digest, row.day, row.kind, row.channel)
        return ChainedEvent(row.seq, None, gone.digest, row.hash, gone)
    return ChainedEvent(row.seq, row.event, event_digest(row.event), row.hash, None)


async def _of_the_journal(
    conn: AsyncConnection, place: Place, items: Sequence[ChainedEvent]
) -> set[bytes]:
    """Return the hashes that stand in the journal itself: agreement is a prefix of the block."""
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        if await places.hash_at(conn, place, items[middle].seq) == items[middle].hash:
            low = middle + 1
        else:
            high = middle
    return {item.hash for item in items[:low]}


async def _holds(conn: AsyncConnection, owner: Owner, place: Place | None, head: Head) -> bool:
    if head == genesis(owner.device_id, owner.journal_id):
        return True
    if place is not None and await places.hash_at(conn, place, head.seq) == head.hash:
        return True
    query = select(aside_event.c.seq).where(owner.rows, aside_event.c.hash == head.hash)
    return (await conn.execute(query)).scalar_one_or_none() == head.seq


async def _nodes(conn: AsyncConnection, owner: Owner, hashes: Sequence[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    for first in range(0, len(hashes), IN_MAX):
        part = hashes[first : first + IN_MAX]
        rows = await conn.execute(
            select(aside_event.c.hash).where(owner.rows, aside_event.c.hash.in_(part))
        )
        found |= {row.hash for row in rows}
    return found
