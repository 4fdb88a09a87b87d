"""A province that has new keys or another address: what a server that starts on them does.

Each office is told once for each statement, by the desk event `successor.named`, and its sessions
end: the next message is a full one, and what it is sealed to shows which statement its device
holds. Office by office, each in a transaction of its own; cut off, it goes on where it was.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.desk_events import SuccessorNamed
from server import desk, offices
from server.context import ServerContext
from server.desk import Saying
from server.store.successor_tables import told_successor
from server.store.tables import session
from wire.event import body_of


async def at_start(ctx: ServerContext) -> int:
    """Tell every office that was not told yet of the newest statement; return how many."""
    if len(ctx.keys.stated) < 2:
        return 0  # the first statement of a province follows none
    async with ctx.store.read() as conn:
        told = await conn.execute(
            select(told_successor.c.office_id).where(told_successor.c.n == ctx.keys.n)
        )
        done = set(told.scalars())
        everybody = await offices.every(conn)
    untold = [each.office_id for each in everybody if each.office_id not in done]
    for office_id in untold:
        async with ctx.store.write() as conn:
            await _tell(conn, ctx, office_id)
    return len(untold)


async def _tell(conn: AsyncConnection, ctx: ServerContext, office_id: bytes) -> None:
    """Tell one office. Locks as everybody does: the office, then its desk journals."""
    now_ms, n = ctx.now_ms(), ctx.keys.n
    before = max(each for each in ctx.keys.stated if each < n)
    statement = urlsafe_b64encode(ctx.keys.moving(before)).rstrip(b"=").decode()
    await offices.locked(conn, office_id)
    said = desk.write(
        Saying("successor.named", body_of(SuccessorNamed(province=statement))), now_ms
    )
    desks = await desk.open_desks(conn, [office_id])
    await desk.append(conn, [(each, [said]) for each in desks], now_ms)
    await conn.execute(session.delete().where(session.c.office_id == office_id))
    await conn.execute(told_successor.insert().values(office_id=office_id, n=n, told_ms=now_ms))
