"""`/v1/dossiers`: dossiers as they stand, unmasked, for systems that work on with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.catalogue import Procedure
from records.present import DeliveryMark, DossierItem, dossier_item
from server import catalogue, cursors
from server.blobs import marks
from server.offices import Office
from server.projected_dossiers import read_dossier
from server.store.projection_tables import dossier as table
from server.store.tables import office as office_table

CURSOR: Final = "dossiers"
Place = tuple[bytes, bytes]
"""Office id and dossier id of the last one read."""


class OfficeDossier(DossierItem, frozen=True, kw_only=True):
    """A dossier and the office that has it: a book number alone tells only that office which."""

    office: str
    office_id: str


class DossierPage(Struct, frozen=True, kw_only=True):
    """A page of dossiers; `next` is None behind the last one."""

    items: tuple[OfficeDossier, ...]
    next: str | None


def place_of(cursor: str | None) -> Place | None:
    """Return the place a cursor names. Raises Refusal field-invalid."""
    if cursor is None:
        return None
    office_id, dossier_id = cursors.read(cursor, CURSOR, tuple[bytes, bytes])
    return office_id, dossier_id  # type: ignore[return-value]  # `read` has checked both


async def page(
    conn: AsyncConnection, now_ms: int, office: Office | None, after: Place | None, limit: int
) -> DossierPage:
    """Return up to `limit` dossiers of one office or of all, in an order that stands still.

    What changes while somebody reads page after page is told by `/v1/events`.
    """
    query = select(
        table.c.office_id,
        table.c.dossier_id,
        table.c.stand,
        table.c.received_ms,
        office_table.c.code.label("office"),
    ).join(office_table, office_table.c.office_id == table.c.office_id)
    query = query.order_by(table.c.office_id, table.c.dossier_id).limit(limit + 1)
    if office is not None:
        query = query.where(table.c.office_id == office.office_id)
    if after is not None:
        same = and_(table.c.office_id == after[0], table.c.dossier_id > after[1])
        query = query.where(or_(table.c.office_id > after[0], same))
    rows = (await conn.execute(query)).all()
    known = await catalogue.procedures(conn)
    here = await marks.arrived(conn, {row.office_id for row in rows})
    items = tuple(_item(row, known, here, now_ms) for row in rows[:limit])
    more = len(rows) > limit
    last = rows[limit - 1] if more else None
    following = None if last is None else cursors.write(CURSOR, last.office_id, last.dossier_id)
    return DossierPage(items=items, next=following)


def _item(
    row: Any, known: Mapping[str, Procedure], here: Collection[tuple[bytes, str]], now_ms: int
) -> OfficeDossier:
    dossier = read_dossier(row.stand)
    item = dossier_item(
        str(UUID(bytes=row.dossier_id)),
        dossier,
        procedure=known.get(dossier.procedure_code),
        mark=DeliveryMark("delivered", row.received_ms),
        now_ms=now_ms,
        arrived=lambda document: (row.office_id, document) in here,
        reveal=True,
    )
    office_id = str(UUID(bytes=row.office_id))
    return OfficeDossier(**asdict(item), office=row.office, office_id=office_id)
