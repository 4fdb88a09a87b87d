"""What the province holds, asked of its tables."""

from __future__ import annotations

import sqlalchemy as sa

from server.context import ServerContext
from server.store.tables import event, incident


async def held(ctx: ServerContext) -> list[bytes]:
    """Return the bytes of every event the province holds, in order."""
    async with ctx.store.read() as conn:
        query = sa.select(event.c.event).order_by(event.c.journal_no, event.c.seq)
        return list((await conn.execute(query)).scalars())


async def incidents(ctx: ServerContext) -> list[str]:
    """Return the kind of every incident."""
    async with ctx.store.read() as conn:
        return list((await conn.execute(sa.select(incident.c.kind))).scalars())
