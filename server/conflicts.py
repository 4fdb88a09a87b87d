"""Conflicts between what offices and the province say of a dossier: listed, and settled here.

A conflict settled by an operator is said to the device that keeps the dossier as
`conflict.settled` and folded into the province's own tables in the same transaction
(`server.desk_dossiers`), so that both ends come to the same dossier.
"""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.conflicts import Kept
from records.desk_events import ConflictSettled
from records.present import ConflictItem, conflict_item
from records.values import Holder
from server import desk, desk_dossiers, offices
from server.context import ServerContext
from server.desk import Saying
from server.projected_dossiers import read_dossier
from server.sayings import Judged
from server.store.projection_tables import dossier as dossier_table
from server.store.tables import office
from wire.event import body_of
from wire.problems import Refusal


class Open(Struct, frozen=True, kw_only=True):
    """One open conflict: of which office and dossier; `code` is None while it has none."""

    office: str
    office_id: bytes
    dossier: str
    code: str | None
    book: str | None
    kept: Kept

    @property
    def item(self) -> ConflictItem:
        """The conflict as people and programs see it."""
        return conflict_item(self.kept)


async def listed(conn: AsyncConnection, office_id: bytes | None = None) -> list[Open]:
    """Return the open conflicts of an office (None: all), the newest first."""
    query = (
        select(dossier_table.c.dossier_id, dossier_table.c.stand, office.c.code, office.c.office_id)
        .join(office, office.c.office_id == dossier_table.c.office_id)
        .where(dossier_table.c.conflicts > 0)
    )
    if office_id is not None:
        query = query.where(dossier_table.c.office_id == office_id)
    found = []
    for row in await conn.execute(query):
        dossier = read_dossier(row.stand)
        found += [
            Open(
                office=row.code,
                office_id=row.office_id,
                dossier=str(UUID(bytes=row.dossier_id)),
                code=dossier.code,
                book=dossier.book,
                kept=kept,
            )
            for kept in dossier.kept
        ]
    return sorted(found, key=lambda one: (-one.kept.mark.at_ms, one.kept.id))


async def settle(
    ctx: ServerContext, conflict: str, keep: Holder, reason: str, by: str | None
) -> Open:
    """Say which value holds, to the office and here; return what was settled.

    Raises Refusal conflict-unknown when it is not open (any more), device-unknown when the device
    that keeps the dossier works no more.
    """
    now_ms = ctx.now_ms()
    async with ctx.store.write() as conn:
        found = await _named(conn, conflict)
        await offices.locked(conn, found.office_id)
        desks = await desk.open_desks(conn, [found.office_id])
        if await _named(conn, conflict) != found:  # told of by somebody else just now
            raise Refusal("conflict-unknown", conflict)
        body = ConflictSettled(
            dossier=found.dossier, conflict=found.kept.id, keep=keep, reason=reason, by=by
        )
        judged = Judged(Saying("conflict.settled", body_of(body)), body)
        _, told = await desk_dossiers.tell(conn, desks, found.office_id, judged, now_ms)
        await desk_dossiers.remember(conn, found.office_id, [told])
    return found


async def _named(conn: AsyncConnection, conflict: str) -> Open:
    for one in await listed(conn):
        if one.kept.id == conflict.lower():
            return one
    raise Refusal("conflict-unknown", conflict)
