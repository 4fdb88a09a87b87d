"""A journal the province holds, and where a message's events meet it.

Pure but for the queries at the end: the comparison of docs/protocol.md section 5. Nothing is ever
concluded from a head that is behind; only a hash that differs at the same number is a fork.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store.tables import event, journal
from wire.block import ChainedEvent
from wire.chain import Head, genesis
from wire.plaintext import Up

Meeting = Literal["ok", "gap", "fork", "unknown-journal"]


class Place(Struct, frozen=True, kw_only=True):
    """One journal and its held head. `row` selects it.

    `after`: the (journal_no, seq) it follows, None for a first one; `released`: a person lets the
    device open one more journal behind this one, though it is a successor itself.
    """

    office_id: bytes
    journal_no: int
    device_id: bytes
    journal_id: bytes
    state: str
    head: Head
    projected_seq: int
    leased_until: str | None = None
    after: tuple[int, int] | None = None
    released: bool = False

    @property
    def may_fork(self) -> bool:
        """Whether the device may go on after this journal without a person's word."""
        return self.after is None or self.released

    @property
    def row(self) -> ColumnElement[bool]:
        """The condition that selects the journal's row."""
        return (journal.c.office_id == self.office_id) & (journal.c.journal_no == self.journal_no)

    @property
    def start(self) -> Head:
        """The place before the first event: (0, hash(0))."""
        return genesis(self.device_id, self.journal_id)


def start_of(device_id: bytes, up: Up) -> Head:
    """Return hash(0) of the journal a message is about."""
    return genesis(device_id, up.journal)


class Found(Struct, frozen=True, kw_only=True):
    """How a message meets what is held.

    `fresh` is how many events at the end of the block are new (0 unless ok); `have` is the last
    place where both agree, None when that is not known.
    """

    verdict: Meeting
    fresh: int = 0
    have: int | None = None


async def find(
    conn: AsyncConnection,
    office_id: bytes,
    device_id: bytes,
    journal_id: bytes,
    *,
    locked: bool = True,
) -> Place | None:
    """Return the journal of a device, its row locked unless told not to; None: it is not known."""
    query = select(journal).where(
        journal.c.office_id == office_id,
        journal.c.device_id == device_id,
        journal.c.journal_id == journal_id,
    )
    row = (await conn.execute(query.with_for_update() if locked else query)).one_or_none()
    if row is None:
        return None
    return Place(
        office_id=office_id,
        journal_no=row.journal_no,
        device_id=device_id,
        journal_id=journal_id,
        state=row.state,
        head=Head(row.head_seq, row.head_hash),
        projected_seq=row.projected_seq,
        leased_until=row.leased_until,
        after=None if row.after_no is None else (row.after_no, row.after_seq),
        released=row.released_ms is not None,
    )


async def journals_of(conn: AsyncConnection, office_id: bytes, device_id: bytes) -> list[Place]:
    """Return every journal of a device in the order they were opened."""
    rows = await conn.execute(
        select(journal.c.journal_id)
        .where(journal.c.office_id == office_id, journal.c.device_id == device_id)
        .order_by(journal.c.journal_no)
    )
    places = [await find(conn, office_id, device_id, row.journal_id) for row in rows.all()]
    return [place for place in places if place is not None]


async def first_journal(conn: AsyncConnection, office_id: bytes, device_id: bytes) -> bytes:
    """Return the id of the journal that a device enrolled with."""
    found = await conn.execute(
        select(journal.c.journal_id)
        .where(journal.c.office_id == office_id, journal.c.device_id == device_id)
        .order_by(journal.c.journal_no)
        .limit(1)
    )
    journal_id: bytes = found.scalar_one()
    return journal_id


async def open_journal(
    conn: AsyncConnection,
    office_id: bytes,
    device_id: bytes,
    journal_id: bytes,
    now_ms: int,
    *,
    after: tuple[int, int] | None = None,
) -> Place:
    """Create an empty journal, which follows (journal_no, seq). The office's row must be locked."""
    highest = await conn.execute(
        select(func.max(journal.c.journal_no)).where(journal.c.office_id == office_id)
    )
    number = (highest.scalar_one() or 0) + 1
    start = genesis(device_id, journal_id)
    await conn.execute(
        journal.insert().values(
            office_id=office_id,
            journal_no=number,
            device_id=device_id,
            journal_id=journal_id,
            state="open",
            head_seq=0,
            head_hash=start.hash,
            projected_seq=0,
            opened_ms=now_ms,
            after_no=None if after is None else after[0],
            after_seq=None if after is None else after[1],
        )
    )
    return Place(
        office_id=office_id,
        journal_no=number,
        device_id=device_id,
        journal_id=journal_id,
        state="open",
        head=start,
        projected_seq=0,
        after=after,
    )


async def keep_statement(conn: AsyncConnection, place: Place, statement: bytes | None) -> None:
    """Keep the device's newest statement of this journal's head: it proves who wrote (section 11).

    None keeps the one that is there.
    """
    if statement is not None:
        await conn.execute(journal.update().where(place.row).values(head_statement=statement))


async def hash_at(conn: AsyncConnection, place: Place, seq: int) -> bytes | None:
    """Return hash(seq) of a journal, None when that is not held."""
    if seq == place.head.seq:
        return place.head.hash
    if seq == 0:
        return place.start.hash
    found = await conn.execute(
        select(event.c.hash).where(
            event.c.office_id == place.office_id,
            event.c.journal_no == place.journal_no,
            event.c.seq == seq,
        )
    )
    return found.scalar_one_or_none()


async def meet(
    conn: AsyncConnection, place: Place, head: Head, prev: bytes, chained: Sequence[ChainedEvent]
) -> Found:
    """Compare a message's head and events (`prev` = hash before the first) with what is held."""
    found = await _meet_events(conn, place, prev, chained) if chained else Found(verdict="ok")
    if found.verdict == "ok" and head.seq <= place.head.seq:
        held = await hash_at(conn, place, head.seq)
        if held != head.hash:
            return Found(verdict="fork", have=chained[-1].seq if chained else None)
    return found


async def _meet_events(
    conn: AsyncConnection, place: Place, prev: bytes, chained: Sequence[ChainedEvent]
) -> Found:
    first, last = chained[0].seq, chained[-1].seq
    held = place.head.seq
    if first > held + 1:
        return Found(verdict="unknown-journal") if held == 0 else Found(verdict="gap", have=held)
    if await hash_at(conn, place, first - 1) != prev:
        return Found(verdict="fork")
    overlap = min(last, held)
    if overlap >= first and await hash_at(conn, place, overlap) != chained[overlap - first].hash:
        return Found(verdict="fork", have=await _last_common(conn, place, chained))
    return Found(verdict="ok", fresh=last - overlap)


async def _last_common(conn: AsyncConnection, place: Place, chained: Sequence[ChainedEvent]) -> int:
    """Return the last number where both agree; the chain makes agreement a prefix."""
    first = chained[0].seq
    low, high = first - 1, min(chained[-1].seq, place.head.seq)
    while high - low > 1:
        middle = (low + high) // 2
        if await hash_at(conn, place, middle) == chained[middle - first].hash:
            low = middle
        else:
            high = middle
    return low


def rungs(held: int) -> list[int]:
    """Return held, held - 1, - 2, - 4 … and 1, falling; nothing for an empty journal."""
    steps = [0, *(1 << power for power in range(held.bit_length()))]
    return sorted({max(1, held - step) for step in steps} | {1}, reverse=True) if held else []


async def ladder(conn: AsyncConnection, place: Place) -> tuple[Head, ...]:
    """Return the heads of section 5's `ladder`."""
    held = [(seq, await hash_at(conn, place, seq)) for seq in rungs(place.head.seq)]
    return tuple(Head(seq, hash_) for seq, hash_ in held if hash_ is not None)
