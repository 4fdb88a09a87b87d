"""Which blobs the province asks for, and which it holds, in its database."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.devices import Device
from server.store.projection_tables import document
from server.store.tables import blob
from wire.limits import BLOBS_WANTED_MAX
from wire.plaintext import Up

_JOINED = document.outerjoin(
    blob, and_(blob.c.office_id == document.c.office_id, blob.c.blob_id == document.c.blob_id)
)


async def wanted(conn: AsyncConnection, device: Device, up: Up) -> tuple[bytes, ...]:
    """Return what to ask a device for: what it names and is not here.

    In answer to a message that opens a session also what it does not name: the province may have
    been restored to a day when it had less.
    """
    named = [state.id for state in up.blobs]
    held = await _held(conn, device.office_id, named)
    lacking = [blob_id for blob_id in named if blob_id not in held]
    if up.session is not None:
        lacking += [blob_id for blob_id in await _missing(conn, device) if blob_id not in named]
    return tuple(lacking[:BLOBS_WANTED_MAX])


async def asked_size(conn: AsyncConnection, office_id: bytes, blob_id: bytes) -> int | None:
    """Return the size of a blob that an event of the office tells of, None when none does."""
    mine = (document.c.office_id == office_id) & (document.c.blob_id == blob_id)
    row = (await conn.execute(select(document.c.bytes).where(mine).limit(1))).one_or_none()
    return None if row is None else int(row.bytes)


async def is_held(conn: AsyncConnection, office_id: bytes, blob_id: bytes) -> bool:
    """Tell whether a blob is here, whole."""
    return bool(await _held(conn, office_id, [blob_id]))


async def note_held(
    conn: AsyncConnection, office_id: bytes, blob_id: bytes, size: int, now_ms: int
) -> None:
    """Note that a blob is here, whole and durable; once."""
    if not await is_held(conn, office_id, blob_id):
        row = {"office_id": office_id, "blob_id": blob_id, "bytes": size, "received_ms": now_ms}
        await conn.execute(blob.insert().values(row))


async def arrived(conn: AsyncConnection, office_ids: Collection[bytes]) -> set[tuple[bytes, str]]:
    """Return office and document id of every document that is whole, of some offices."""
    rows = await conn.execute(
        select(blob.c.office_id, blob.c.blob_id).where(blob.c.office_id.in_(list(office_ids)))
    )
    return {(row.office_id, row.blob_id.hex()) for row in rows}


async def _held(conn: AsyncConnection, office_id: bytes, blob_ids: Sequence[bytes]) -> set[bytes]:
    if not blob_ids:
        return set()
    here = (blob.c.office_id == office_id) & blob.c.blob_id.in_(list(blob_ids)[:BLOBS_WANTED_MAX])
    return {row.blob_id for row in await conn.execute(select(blob.c.blob_id).where(here))}


async def _missing(conn: AsyncConnection, device: Device) -> list[bytes]:
    mine = (document.c.office_id == device.office_id) & (document.c.device_id == device.device_id)
    rows = await conn.execute(
        select(document.c.blob_id)
        .select_from(_JOINED)
        .where(mine & blob.c.blob_id.is_(None))
        .order_by(document.c.bytes)
        .limit(BLOBS_WANTED_MAX)
    )
    return [row.blob_id for row in rows]
