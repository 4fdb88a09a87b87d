"""Offices: an id for life, a code that may change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.context import ServerContext
from server.store.tables import office, office_code
from wire.event import format_time
from wire.problems import Refusal


class Office(NamedTuple):
    """An office: its 16-byte id, its code at present and its name."""

    office_id: bytes
    code: str
    name: str


_OFFICES = select(office.c.office_id, office.c.code, office.c.name)


async def add_office(
    ctx: ServerContext,
    code: str,
    name: str,
    ward_code: str | None = None,
    *,
    valid_from: date | None = None,
) -> bytes:
    """Return the id of the office with this code, minting one when the code is new.

    The code counts from `valid_from` on (today when not given).
    """
    async with ctx.store.write() as conn:
        known = await by_code(conn, code)
        if known is not None:
            return known.office_id
        return await mint(conn, ctx, code, name, ward_code, valid_from=valid_from)


async def mint(
    conn: AsyncConnection,
    ctx: ServerContext,
    code: str,
    name: str,
    ward_code: str | None = None,
    *,
    valid_from: date | None = None,
) -> bytes:
    """Store an office with a code nobody has, and return its new id."""
    now_ms = ctx.now_ms()
    office_id = UUID(bytes=ctx.random_bytes(16), version=4).bytes
    await conn.execute(
        office.insert().values(
            office_id=office_id, code=code, name=name, ward_code=ward_code, created_ms=now_ms
        )
    )
    since = format_time(now_ms)[:10] if valid_from is None else valid_from.isoformat()
    await conn.execute(
        office_code.insert().values(office_id=office_id, code=code, name=name, valid_from=since)
    )
    return office_id


async def by_code(conn: AsyncConnection, code: str) -> Office | None:
    """Return the office that has this code, or had it last."""
    found = await conn.execute(
        select(office_code.c.office_id)
        .where(office_code.c.code == code)
        .order_by(office_code.c.valid_from.desc())
    )
    office_id = found.scalar()
    return None if office_id is None else (await by_ids(conn, [office_id]))[0]


async def named(conn: AsyncConnection, text: str) -> Office:
    """Return the office of this id, or of a code it has or ever had, without locking anything.

    Of several offices that had a code in turn it is the last. Raises Refusal office-unknown.
    """
    try:
        office_id: bytes | None = UUID(text).bytes
    except ValueError:
        codes = (
            select(office_code.c.office_id)
            .where(office_code.c.code == text)
            .order_by(office_code.c.valid_from.desc())
        )
        office_id = (await conn.execute(codes)).scalar()
    rows = await conn.execute(_OFFICES.where(office.c.office_id == office_id))
    row = rows.one_or_none()
    if row is None:
        raise Refusal("office-unknown")
    return Office._make(row)


async def by_ids(conn: AsyncConnection, office_ids: Sequence[bytes] | None) -> list[Office]:
    """Return these offices (None: all), ordered by id, their rows locked until the commit."""
    query = _OFFICES.order_by(office.c.office_id)
    if office_ids is not None:
        query = query.where(office.c.office_id.in_(office_ids))
    found = [Office._make(row) for row in await conn.execute(query.with_for_update())]
    if office_ids is not None and len(found) != len(set(office_ids)):
        raise Refusal("office-unknown")
    return found


async def locked(conn: AsyncConnection, office_id: bytes) -> Office:
    """Return one office, its row locked. Raises Refusal office-unknown."""
    return (await by_ids(conn, [office_id]))[0]


async def every(conn: AsyncConnection) -> list[Office]:
    """Return all offices as they are now, ordered by id, without locking any."""
    query = _OFFICES.order_by(office.c.office_id)
    return [Office(*row) for row in await conn.execute(query)]
