"""The desk journal: what the province writes for one device (docs/protocol.md sections 2 and 5).

One journal a device, one writer. Appends are serialised by the lock on its head; the events are
bytes once written, chained like an office's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct
from sqlalchemy import Row, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.places import rungs
from server.store.tables import desk_event, desk_journal
from wire.chain import Head, extend, genesis
from wire.event import Event, decode, encode, format_time
from wire.keys import key_id
from wire.limits import EVENTS_PLAIN_BYTES_MAX

ACTOR = "province"
TAKE_ROWS_MAX = 5_000
PRIVATE = ("dossier.", "numbers.", "event.", "conflict.")
"""Kinds that tell of people, or grant something: for devices that are believed."""


class Desk(Struct, frozen=True, kw_only=True):
    """One desk journal and its head. `state` is open, closed, or lost (section 6)."""

    office_id: bytes
    desk_id: bytes
    device_id: bytes
    writer_key: bytes
    state: str
    head: Head

    @property
    def start(self) -> Head:
        """The place before the first event."""
        return genesis(key_id(self.writer_key), self.desk_id)


class Saying(Struct, frozen=True):
    """One thing to say: kind and body of a desk event."""

    kind: str
    body: Raw


class Part(Struct, frozen=True):
    """Desk events for a device: they follow `prev` and begin at `first`; maybe none."""

    first: int
    prev: bytes
    events: tuple[bytes, ...]


async def find(conn: AsyncConnection, office_id: bytes, desk_id: bytes) -> Desk:
    """Return a desk journal, its row locked. Raises LookupError."""
    found = await look(conn, office_id, desk_id, locked=True)
    if found is None:
        raise LookupError(f"no desk journal {desk_id.hex()}")
    return found


async def look(
    conn: AsyncConnection, office_id: bytes, desk_id: bytes, *, locked: bool = False
) -> Desk | None:
    """Return a desk journal, its row locked if asked; None when there is no such one."""
    query = select(desk_journal).where(
        desk_journal.c.office_id == office_id, desk_journal.c.desk_id == desk_id
    )
    row = (await conn.execute(query.with_for_update() if locked else query)).one_or_none()
    return None if row is None else _desk(row)


async def of_device(conn: AsyncConnection, office_id: bytes, device_id: bytes) -> list[Desk]:
    """Return every desk journal a device ever had, ordered by id, their rows locked."""
    query = (
        select(desk_journal)
        .where(desk_journal.c.office_id == office_id, desk_journal.c.device_id == device_id)
        .order_by(desk_journal.c.desk_id)
    )
    return [_desk(row) for row in await conn.execute(query.with_for_update())]


async def first_event(conn: AsyncConnection, each: Desk) -> bytes | None:
    """Return the bytes a desk journal begins with, None while it is empty."""
    found = await conn.execute(
        select(desk_event.c.event).where(
            desk_event.c.office_id == each.office_id,
            desk_event.c.desk_id == each.desk_id,
            desk_event.c.seq == 1,
        )
    )
    return found.scalar_one_or_none()


async def open_desks(conn: AsyncConnection, office_ids: Sequence[bytes]) -> list[Desk]:
    """Return the open desk journals of some offices, ordered, their rows locked."""
    query = (
        select(desk_journal)
        .where(desk_journal.c.office_id.in_(office_ids), desk_journal.c.state == "open")
        .order_by(desk_journal.c.office_id, desk_journal.c.desk_id)
    )
    return [_desk(row) for row in await conn.execute(query.with_for_update())]


def _desk(row: Row[tuple[object, ...]]) -> Desk:
    return Desk(
        office_id=row.office_id,
        desk_id=row.desk_id,
        device_id=row.device_id,
        writer_key=row.writer_key,
        state=row.state,
        head=Head(row.head_seq, row.head_hash),
    )


async def create(conn: AsyncConnection, desk: Desk, now_ms: int) -> None:
    """Store a new, empty desk journal."""
    await conn.execute(
        desk_journal.insert().values(
            office_id=desk.office_id,
            desk_id=desk.desk_id,
            device_id=desk.device_id,
            writer_key=desk.writer_key,
            state=desk.state,
            head_seq=desk.head.seq,
            head_hash=desk.head.hash,
            opened_ms=now_ms,
        )
    )


def write(saying: Saying, now_ms: int) -> bytes:
    """Return the bytes of a desk event. Raises Malformed when it cannot be one."""
    at = format_time(now_ms)
    return encode(Event(kind=saying.kind, at=at, actor=ACTOR, body=saying.body))


async def append(
    conn: AsyncConnection, said: Sequence[tuple[Desk, Sequence[bytes]]], now_ms: int
) -> list[Desk]:
    """Append event bytes to desk journals (locked, open); return them with their new heads."""
    rows, heads, moved = [], [], []
    for desk, events in said:
        head = desk.head
        for event in events:
            head = extend(head, event)
            rows.append(
                {
                    "office_id": desk.office_id,
                    "desk_id": desk.desk_id,
                    "seq": head.seq,
                    "hash": head.hash,
                    "event": event,
                    "at_ms": now_ms,
                }
            )
        key = {"k_office_id": desk.office_id, "k_desk_id": desk.desk_id}
        heads.append(key | {"head_seq": head.seq, "head_hash": head.hash})
        moved.append(msgspec.structs.replace(desk, head=head))
    if rows:
        await conn.execute(desk_event.insert(), rows)
        await conn.execute(_MOVE_HEAD, heads)
    return moved


_MOVE_HEAD = (
    desk_journal.update()
    .where(desk_journal.c.office_id == bindparam("k_office_id"))
    .where(desk_journal.c.desk_id == bindparam("k_desk_id"))
    .values(head_seq=bindparam("head_seq"), head_hash=bindparam("head_hash"))
)


async def hash_at(conn: AsyncConnection, desk: Desk, seq: int) -> bytes | None:
    """Return hash(seq) of a desk journal, None beyond its head."""
    if seq == desk.head.seq:
        return desk.head.hash
    if seq == 0:
        return desk.start.hash
    found = await conn.execute(
        select(desk_event.c.hash).where(
            desk_event.c.office_id == desk.office_id,
            desk_event.c.desk_id == desk.desk_id,
            desk_event.c.seq == seq,
        )
    )
    return found.scalar_one_or_none()


async def after(conn: AsyncConnection, desk: Desk, cursor: Head) -> Part:
    """Return the events after `cursor`, as many as one block may hold."""
    if cursor == desk.head:
        return Part(cursor.seq + 1, cursor.hash, ())
    rows = await conn.execute(
        select(desk_event.c.event)
        .where(
            desk_event.c.office_id == desk.office_id,
            desk_event.c.desk_id == desk.desk_id,
            desk_event.c.seq > cursor.seq,
        )
        .order_by(desk_event.c.seq)
        .limit(TAKE_ROWS_MAX)
    )
    events, size = [], 0
    for (event,) in rows:
        size += len(event) + 1
        if size > EVENTS_PLAIN_BYTES_MAX:
            break
        events.append(event)
    return Part(cursor.seq + 1, cursor.hash, tuple(events))


def guarded(part: Part) -> Part:
    """Return the events before the first that tells of a dossier, of numbers, or of an own event.

    What a device gets that waits for a person or is not believed any more: what is published for
    everybody, and nothing about people.
    """
    for count, event in enumerate(part.events):
        if decode(event).kind.startswith(PRIVATE):
            return Part(part.first, part.prev, part.events[:count])
    return part


async def ladder(conn: AsyncConnection, desk: Desk) -> tuple[Head, ...]:
    """Return our heads, sparser towards the beginning, for a device that has another journal."""
    held = [(seq, await hash_at(conn, desk, seq)) for seq in rungs(desk.head.seq)]
    found = tuple(Head(seq, hash_) for seq, hash_ in held if hash_ is not None)
    return found or (desk.start,)
