"""After the database was put back from a copy: what every office is then allowed, once.

Every desk journal is shut, so that each device gives back what this province does not hold any
more before anything new is said to it (`server.desk_met`). Every session ends. Each device may show
any turn without an incident until it has heard this server: it was the province that went back.
Devices that the file beside the data names as revoked are so again (`server.revocations`).

Office by office, each in a transaction of its own; cut off, it goes on where it was. A copy made by
`commune-server backup` says of itself that it is one, so a server that is started on it does all
this by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server import offices, revocations
from server.context import ServerContext
from server.store.lost_tables import restoration
from server.store.tables import PROVINCE, desk_journal, device, session
from wire import turns


class Restored(Struct, frozen=True, kw_only=True):
    """What was done: how many offices, devices told of, devices revoked again.

    `already` is when this database was gone through before (ms since the epoch), None: now.
    """

    offices: int = 0
    devices: int = 0
    revoked: int = 0
    already: int | None = None


Progress = Callable[[int, int], None]
"""Told after each office: how many are done, of how many."""


async def restore(ctx: ServerContext, progress: Progress, *, again: bool = False) -> Restored:
    """Go through every office once for this restore; a second time changes nothing.

    `again`: the database was put back once more since, from a copy that had been gone through.
    """
    begun_ms = await _begun(ctx, again=again)
    if begun_ms is None:
        async with ctx.store.read() as conn:
            last = await conn.execute(
                select(restoration.c.done_ms).order_by(restoration.c.done_ms.desc()).limit(1)
            )
            return Restored(already=last.scalar_one())
    revoked = await strike(ctx)
    async with ctx.store.read() as conn:
        everybody = await offices.every(conn)
    count = 0
    for number, office in enumerate(everybody, 1):
        async with ctx.store.write() as conn:
            count += await _office(conn, office.office_id, begun_ms)
        progress(number, len(everybody))
    async with ctx.store.write() as conn:
        unfinished = restoration.c.done_ms.is_(None)
        await conn.execute(
            restoration.update().where(unfinished).values(done_ms=max(ctx.now_ms(), begun_ms))
        )
    return Restored(offices=len(everybody), devices=count, revoked=revoked)


async def at_start(ctx: ServerContext) -> Restored | None:
    """Do what a server that starts can know is due: None when this database is no copy.

    Whoever the file names as revoked is so, whatever the database says of it.
    """
    await strike(ctx)
    if not await is_copy(ctx):
        return None
    return await restore(ctx, lambda _done, _of: None)


async def strike(ctx: ServerContext) -> int:
    """Revoke again whom this database does not know to be revoked; return how many."""
    struck = await asyncio.to_thread(revocations.every, ctx.config.data_dir)
    count = 0
    for device_id, statement in struck.items():
        async with ctx.store.write() as conn:
            changed = await conn.execute(
                device.update()
                .where(device.c.device_id == device_id, device.c.state != "revoked")
                .values(state="revoked", revocation=statement)
            )
            count += changed.rowcount
    return count


async def offices_count(conn: AsyncConnection) -> int:
    """Return how many offices there are to go through."""
    return len(await offices.every(conn))


async def is_copy(ctx: ServerContext) -> bool:
    """Whether this database says that it was put back and not gone through yet."""
    async with ctx.store.read() as conn:
        return await _unfinished(conn) is not None


async def _unfinished(conn: AsyncConnection) -> int | None:
    found = await conn.execute(
        select(restoration.c.begun_ms)
        .where(restoration.c.done_ms.is_(None))
        .order_by(restoration.c.begun_ms.desc())
        .limit(1)
    )
    return found.scalar()


async def _begun(ctx: ServerContext, *, again: bool) -> int | None:
    """Return when this restore began, noting it durably; None when it is done already."""
    async with ctx.store.write() as conn:
        begun_ms = await _unfinished(conn)
        done = (await conn.execute(select(restoration.c.done_ms).limit(1))).first()
        if begun_ms is None and done is not None and not again:
            return None
        if begun_ms is None:
            # A new machine's clock may be behind: what is open now was opened before this.
            newest = await conn.execute(select(func.max(desk_journal.c.opened_ms)))
            begun_ms = max(ctx.now_ms(), newest.scalar() or 0)
            await mark(conn, ctx.random_bytes(16), begun_ms)
    return begun_ms


async def mark(conn: AsyncConnection, restoration_id: bytes, now_ms: int) -> None:
    """Note that this database has to be gone through."""
    await conn.execute(
        restoration.insert().values(
            office_id=PROVINCE, restoration_id=restoration_id, begun_ms=now_ms
        )
    )


async def _office(conn: AsyncConnection, office_id: bytes, begun_ms: int) -> int:
    """Go through one office and return how many devices it has.

    Locks as everybody does: devices, the office, desk journals.
    """
    here = device.c.office_id == office_id
    query = select(device.c.device_id, device.c.turns).where(here).order_by(device.c.device_id)
    rows = (await conn.execute(query.with_for_update())).all()
    for row in rows:
        state = turns.any_once(turns.decode_state(row.turns))
        own = here & (device.c.device_id == row.device_id)
        await conn.execute(device.update().where(own).values(turns=turns.encode_state(state)))
    await offices.locked(conn, office_id)
    await conn.execute(
        desk_journal.update()
        .where(
            desk_journal.c.office_id == office_id,
            desk_journal.c.state == "open",
            desk_journal.c.opened_ms <= begun_ms,
        )
        .values(state="closed")
    )
    await conn.execute(session.delete().where(session.c.office_id == office_id))
    return len(rows)
