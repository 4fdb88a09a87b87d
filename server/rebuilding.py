"""Build the projections anew from the events, office by office.

Events are replayed in the order in which they were taken in, which is that of the feed, and what
the province told about dossiers in between where it was folded first; so what comes out is what
was there. While one office is rebuilt its messages wait, the others go on. What cannot be folded is
passed over as it was when it came: one event never keeps an office from being rebuilt.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server import desk_dossiers, ingest, offices, places
from server.arrival import When
from server.catch_up import chained
from server.context import ServerContext
from server.judging import judge
from server.places import Place
from server.store.projection_tables import PROJECTIONS
from server.store.tables import device, event, feed, problem

BATCH_EVENTS = 1_000


async def rebuild(ctx: ServerContext) -> int:
    """Empty the projections of every office and fill them again; return how many events."""
    async with ctx.store.read() as conn:
        everybody = await offices.every(conn)
    count = 0
    for office in everybody:
        async with ctx.store.write() as conn:
            count += await rebuild_office(conn, ctx, office.office_id)
    return count


async def rebuild_office(conn: AsyncConnection, ctx: ServerContext, office_id: bytes) -> int:
    """Empty the projections of one office and fill them again; return how many events."""
    journals = await _journals(conn, office_id)
    for table in PROJECTIONS:
        await conn.execute(table.delete().where(table.c.office_id == office_id))
    await conn.execute(
        problem.delete().where(
            problem.c.office_id == office_id, problem.c.code == "projection-failed"
        )
    )
    batches = (
        await conn.execute(
            select(feed).where(feed.c.office_id == office_id).order_by(feed.c.first_position)
        )
    ).all()
    told = await desk_dossiers.told_of(conn, office_id)
    steps: list[tuple[int, int, Any]] = [(batch.first_position, 0, batch) for batch in batches]
    steps += [(one.after_position, 1, one) for one in told]  # behind the batch that bears it
    count = 0
    for _, by_province, row in sorted(steps, key=itemgetter(0, 1)):
        if by_province:
            await desk_dossiers.fold_again(conn, office_id, row)
            count += 1
        else:
            await _batch(conn, ctx, journals[row.journal_no], row.first_seq, row.events)
            count += row.events
    return count


async def _batch(
    conn: AsyncConnection, ctx: ServerContext, place: Place, first: int, events: int
) -> None:
    end = first + events
    for start in range(first, end, BATCH_EVENTS):
        await _replay(conn, ctx, place, start, min(start + BATCH_EVENTS, end))


async def _journals(conn: AsyncConnection, office_id: bytes) -> dict[int, Place]:
    """Return the office's journals, their rows locked until the commit.

    Locks are taken as the exchange takes them: devices, office, journals. With the office's own
    nothing new is opened meanwhile.
    """
    await lock_devices(conn, office_id)
    await offices.locked(conn, office_id)
    devices = select(device.c.device_id).where(device.c.office_id == office_id)
    found = [
        place
        for row in (await conn.execute(devices)).all()
        for place in await places.journals_of(conn, office_id, row.device_id)
    ]
    return {place.journal_no: place for place in found}


async def lock_devices(conn: AsyncConnection, office_id: bytes) -> None:
    """Lock the rows of all devices of an office, in their order, until the commit."""
    devices = select(device.c.device_id).where(device.c.office_id == office_id)
    await conn.execute(devices.order_by(device.c.device_id).with_for_update())


async def _replay(
    conn: AsyncConnection, ctx: ServerContext, place: Place, first: int, end: int
) -> None:
    rows = (
        await conn.execute(
            select(event)
            .where(
                event.c.office_id == place.office_id,
                event.c.journal_no == place.journal_no,
                event.c.seq >= first,
                event.c.seq < end,
            )
            .order_by(event.c.seq)
        )
    ).all()
    judged = [judge(chained(row)) for row in rows]
    times = [When(row.occurred_ms, row.clock) for row in rows]
    received_ms = rows[0].received_ms
    events = await ingest.stored_events(conn, place, judged, times, received_ms)
    problems = await ingest.projected(conn, ctx.project, place, events)
    await ingest.keep_problems(conn, place, problems, received_ms)
