"""Desk events that this province said and has lost: what is missing, and keeping what comes back.

A restored province finds a device further in its desk journal than the province is (docs/
protocol.md section 6). Of the journals that the device went through, the newest of which something
is missing is asked for first, because its beginning names the one before. What the province has
said since into the same places the device never heard: that is put aside, to be said anew.

Pure comparison of hashes: an event is believed to be ours because the chain leads to it from a
place we hold, or from the beginning that our own key gives. What a receipt of ours covers besides
is proven (`Returned.proven`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.desk_events import DeskOpened
from server import desk, signed
from server.context import ServerContext
from server.desk import Desk
from server.devices import Device
from server.request import Request
from server.store.lost_tables import desk_aside
from server.store.tables import desk_event, desk_journal, desk_told
from wire import event as wire_event
from wire.block import ChainedEvent
from wire.chain import Head, genesis
from wire.keys import key_id
from wire.plaintext import Up
from wire.problems import Malformed, Refusal
from wire.statements import Receipt


class After(NamedTuple):
    """The place that a desk journal follows: the id of the one before, and its head."""

    desk_id: bytes
    head: Head


class Returned(Struct, frozen=True):
    """Events given back and kept: those that were news, and how many a receipt of ours covers.

    `aside`: what this province had said into the same places, and the device never heard.
    """

    desk: Desk
    news: Sequence[ChainedEvent]
    proven: int
    aside: Sequence[bytes] = ()


async def follows(conn: AsyncConnection, each: Desk) -> After | None:
    """Return the place that a desk journal says it follows, None where it is the first."""
    first = await desk.first_event(conn, each)
    return None if first is None else opened_after(first)


def opened_after(raw: bytes) -> After | None:
    """Return the place a first event names, None when it is no `desk.opened` that names one."""
    try:
        event = wire_event.decode(raw)
        if event.kind != "desk.opened":
            return None
        after = msgspec.json.decode(event.body, type=DeskOpened).after
        if after is None:
            return None
        return After(bytes.fromhex(after[0]), Head(after[1], bytes.fromhex(after[2])))
    except (Malformed, msgspec.DecodeError, ValueError):
        return None  # it names no place, so it follows none


async def missing(
    conn: AsyncConnection, ctx: ServerContext, device: Device, request: Request
) -> Desk | None:
    """Return the desk journal of which the device holds something that is not here.

    None: everything it went through is here. One that is not known at all is returned empty, as
    `lost`, and is not stored. Locks nothing.
    """
    wanted: After | None = After(request.up.desk, request.up.cursor)
    seen: set[bytes] = set()
    while wanted is not None and wanted.desk_id not in seen:
        seen.add(wanted.desk_id)
        each = await desk.look(conn, device.office_id, wanted.desk_id)
        if each is None:
            return _unknown(ctx, device, wanted, request.up) if wanted.head.seq else None
        if each.device_id != device.device_id:
            return None  # another's: whoever says so is told of its own
        if await desk.hash_at(conn, each, wanted.head.seq) != wanted.head.hash:
            return each
        wanted = await follows(conn, each)
    return None


def _unknown(ctx: ServerContext, device: Device, wanted: After, up: Up) -> Desk:
    """Return an empty desk journal by whichever key of ours the device's chain begins with."""
    writers = ctx.keys.signers
    block = up.returned
    begins = block.prev if block is not None and block.first == 1 else None
    starts = {key: genesis(key_id(key), wanted.desk_id) for key in writers}
    writer = next((key for key in writers if starts[key].hash == begins), writers[0])
    return Desk(
        office_id=device.office_id,
        desk_id=wanted.desk_id,
        device_id=device.device_id,
        writer_key=writer,
        state="lost",
        head=starts[writer],
    )


async def keep(
    conn: AsyncConnection, ctx: ServerContext, each: Desk, request: Request, now_ms: int
) -> Returned | None:
    """Keep what a message gives back of the desk journal that is missing something.

    None: it leads on from no place that is held here, or tells nothing new. The desk journal must
    be locked if it is stored.
    """
    block, chained = request.up.returned, _whole(request.returned)
    if block is None or not chained:
        return None
    if await desk.hash_at(conn, each, block.first - 1) != block.prev:
        return None
    held = await _hashes(conn, each, chained)
    news = [item for item in chained if held.get(item.seq) != item.hash]
    if not news:
        return None
    stored = await desk.look(conn, each.office_id, each.desk_id)
    if stored is None:
        await desk.create(conn, each, _said_ms(news[0].event, now_ms))
    aside: list[bytes] = []
    if each.head.seq >= news[0].seq:
        each, aside = await _put_aside(conn, each, news[0])
    rows = [
        {
            "office_id": each.office_id,
            "desk_id": each.desk_id,
            "seq": item.seq,
            "hash": item.hash,
            "event": item.event,
            "at_ms": _said_ms(item.event, now_ms),
        }
        for item in news
    ]
    await conn.execute(desk_event.insert(), rows)
    head = Head(news[-1].seq, news[-1].hash)
    await set_state(conn, each, "lost", head)
    kept = msgspec.structs.replace(each, state="lost", head=head)
    return Returned(kept, news, _proven(ctx, kept, news, request), aside)


def _whole(chained: Sequence[ChainedEvent]) -> Sequence[ChainedEvent]:
    """Return the events before the first whose bytes are gone: those cannot be kept."""
    for count, item in enumerate(chained):
        if item.event is None:
            return chained[:count]
    return chained


async def _hashes(
    conn: AsyncConnection, each: Desk, chained: Sequence[ChainedEvent]
) -> dict[int, bytes]:
    rows = await conn.execute(
        select(desk_event.c.seq, desk_event.c.hash).where(
            _of(each),
            desk_event.c.seq >= chained[0].seq,
            desk_event.c.seq <= chained[-1].seq,
        )
    )
    return {row.seq: row.hash for row in rows}


def _of(each: Desk) -> ColumnElement[bool]:
    return (desk_event.c.office_id == each.office_id) & (desk_event.c.desk_id == each.desk_id)


async def _put_aside(
    conn: AsyncConnection, each: Desk, first: ChainedEvent
) -> tuple[Desk, list[bytes]]:
    """Put our own events from the place of `first` on aside; return the desk without, and them."""
    same = (
        (desk_told.c.office_id == desk_event.c.office_id)
        & (desk_told.c.desk_id == desk_event.c.desk_id)
        & (desk_told.c.seq == desk_event.c.seq)
    )
    rows = await conn.execute(
        select(desk_event, desk_told.c.dossier_id, desk_told.c.after_position)
        .outerjoin(desk_told, same)
        .where(_of(each), desk_event.c.seq >= first.seq)
        .order_by(desk_event.c.seq)
    )
    aside = [{**row, "device_id": each.device_id} for row in rows.mappings()]
    await conn.execute(desk_aside.insert(), aside)
    for table in (desk_told, desk_event):
        gone = (table.c.office_id == each.office_id) & (table.c.desk_id == each.desk_id)
        await conn.execute(delete(table).where(gone, table.c.seq >= first.seq))
    place = Head(first.seq - 1, await desk.hash_at(conn, each, first.seq - 1) or b"")
    return msgspec.structs.replace(each, head=place), [row["event"] for row in aside]


async def set_state(
    conn: AsyncConnection, each: Desk, state: str, head: Head | None = None
) -> None:
    """Write a desk journal's state, and its head where that moved."""
    values: dict[str, object] = {"state": state}
    if head is not None:
        values |= {"head_seq": head.seq, "head_hash": head.hash}
    own = (desk_journal.c.office_id == each.office_id) & (desk_journal.c.desk_id == each.desk_id)
    await conn.execute(desk_journal.update().where(own).values(values))


def _said_ms(raw: bytes | None, now_ms: int) -> int:
    """Return when an event says it was written, `now_ms` when it does not say so readably."""
    try:
        return min(wire_event.parse_time(wire_event.decode(raw or b"").at), now_ms)
    except Malformed:
        return now_ms


def _proven(ctx: ServerContext, each: Desk, news: Sequence[ChainedEvent], request: Request) -> int:
    """Return how many of the events lie before a place that a receipt of ours names."""
    said = _receipt(ctx, request.up.proof)
    if said is None or (said.device_id, said.desk) != (each.device_id, each.desk_id):
        return 0
    named = [count for count, item in enumerate(news, 1) if item.seq == said.desk_seq]
    agrees = bool(named) and news[named[0] - 1].hash == said.desk_hash
    return named[0] if agrees else 0


def _receipt(ctx: ServerContext, proof: bytes | None) -> Receipt | None:
    try:
        return None if proof is None else signed.read(ctx.keys, proof, Receipt)
    except (Malformed, Refusal):
        return None  # signed by nobody we know
