"""'Documents in': how many events tell of, and how many are whole here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.sync_report import DocumentsIn
from server.store.projection_tables import document
from server.store.tables import blob

_JOINED = document.outerjoin(
    blob, and_(blob.c.office_id == document.c.office_id, blob.c.blob_id == document.c.blob_id)
)
_COUNTS = (
    func.count().label("told"),
    func.count(blob.c.blob_id).label("held"),
    func.sum(case((blob.c.blob_id.is_(None), document.c.bytes), else_=0)).label("missing"),
)
NONE = DocumentsIn()


async def by_office(conn: AsyncConnection) -> Mapping[bytes, DocumentsIn]:
    """Return the count of each office whose events tell of a document."""
    query = select(document.c.office_id, *_COUNTS).select_from(_JOINED)
    rows = await conn.execute(query.group_by(document.c.office_id))
    return {row.office_id: _read(row) for row in rows}


async def by_device(
    conn: AsyncConnection, office_ids: Collection[bytes]
) -> Mapping[tuple[bytes, bytes], DocumentsIn]:
    """Return the count of each device (office, device) of some offices."""
    query = select(document.c.office_id, document.c.device_id, *_COUNTS).select_from(_JOINED)
    rows = await conn.execute(
        query.where(document.c.office_id.in_(list(office_ids))).group_by(
            document.c.office_id, document.c.device_id
        )
    )
    return {(row.office_id, row.device_id): _read(row) for row in rows}


async def of_office(conn: AsyncConnection, office_id: bytes) -> DocumentsIn:
    """Return the count of one office."""
    query = select(*_COUNTS).select_from(_JOINED).where(document.c.office_id == office_id)
    return _read((await conn.execute(query)).one())


def _read(row: Any) -> DocumentsIn:
    return DocumentsIn(told=row.told, held=row.held, missing_bytes=int(row.missing or 0))
