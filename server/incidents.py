"""What a person has to look at, told once, and settled by a person.

An incident's id is made from its facts: the same facts told again, by a repeated message or by
another worker, are the same incident.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.context import ServerContext
from server.store.tables import device, incident, office
from wire.keys import device10
from wire.problems import Refusal

ID_BYTES = 16
BOX_CHANGED = "box-changed"


async def record(
    conn: AsyncConnection,
    office_id: bytes,
    kind: str,
    *,
    facts: tuple[bytes, ...],
    detail: str,
    now_ms: int,
    device_id: bytes | None = None,
    journal_id: bytes | None = None,
    shown: bytes | None = None,
) -> bool:
    """Store an incident unless it is there; return whether it is new.

    `kind` is a code such as `fork` or `box-changed`; `facts` tell it from others of its kind;
    `detail` is for people and holds no personal data; `shown` is the box a device showed, where
    that is the matter: such an incident is open again when it happens again, because two boxes
    that take turns are a clone. Call it with the device's row locked.
    """
    parts = b"\x00".join(part.hex().encode() for part in (kind.encode(), device_id or b"", *facts))
    incident_id = sha256(parts).digest()[:ID_BYTES]
    same = (incident.c.office_id == office_id) & (incident.c.incident_id == incident_id)
    held = (await conn.execute(select(incident.c.settled_ms).where(same))).first()
    if held is not None:
        again = shown is not None and held.settled_ms is not None
        if again:
            values = {"settled_ms": None, "at_ms": now_ms, "shown": shown}
            await conn.execute(incident.update().where(same).values(values))
        return again
    await conn.execute(
        incident.insert().values(
            office_id=office_id,
            incident_id=incident_id,
            kind=kind,
            device_id=device_id,
            journal_id=journal_id,
            detail=detail,
            at_ms=now_ms,
            shown=shown,
        )
    )
    return True


async def unsettled(conn: AsyncConnection, office_id: bytes, device_id: bytes, kind: str) -> bool:
    """Return whether a person still has to settle an incident of this kind for a device."""
    found = await conn.execute(
        select(incident.c.at_ms).where(
            incident.c.office_id == office_id,
            incident.c.device_id == device_id,
            incident.c.kind == kind,
            incident.c.settled_ms.is_(None),
        )
    )
    return found.first() is not None


class Listed(Struct, frozen=True, kw_only=True):
    """An incident as people see it; `device` is a device10, times milliseconds since the epoch."""

    incident: str
    office: str
    kind: str
    device: str | None
    detail: str
    at_ms: int
    settled_ms: int | None
    note: str | None


async def listed(conn: AsyncConnection, *, only_open: bool) -> list[Listed]:
    """Return the incidents of all offices, newest first."""
    query = select(incident, office.c.code).join(office, office.c.office_id == incident.c.office_id)
    if only_open:
        query = query.where(incident.c.settled_ms.is_(None))
    ordered = query.order_by(incident.c.at_ms.desc(), incident.c.incident_id)
    return [_listed(row) for row in await conn.execute(ordered)]


async def settle(ctx: ServerContext, text: str, note: str) -> Listed:
    """End the incident with this id (32 hex digits); one that is settled stays as it is.

    The box of a settled `box-changed` is the device's from now on, and its numbers flow again.
    Raises Refusal incident-unknown.
    """
    try:
        incident_id = bytes.fromhex(text)
    except ValueError:
        raise Refusal("incident-unknown", text) from None
    here = incident.c.incident_id == incident_id
    query = (
        select(incident, office.c.code)
        .join(office, office.c.office_id == incident.c.office_id)
        .where(here)
    )
    async with ctx.store.write() as conn:
        row = (await conn.execute(query)).one_or_none()
        if row is None:
            raise Refusal("incident-unknown", text)
        own = (device.c.office_id == row.office_id) & (device.c.device_id == row.device_id)
        await conn.execute(select(device.c.state).where(own).with_for_update())
        ended = await conn.execute(
            incident.update()
            .where(here, incident.c.office_id == row.office_id, incident.c.settled_ms.is_(None))
            .values(settled_ms=ctx.now_ms(), note=note)
        )
        if ended.rowcount and row.kind == BOX_CHANGED:
            await conn.execute(device.update().where(own).values(box=row.shown))
        return _listed((await conn.execute(query)).one())


def _listed(row: Row[Any]) -> Listed:
    return Listed(
        incident=row.incident_id.hex(),
        office=row.code,
        kind=row.kind,
        device=None if row.device_id is None else device10(row.device_id),
        detail=row.detail,
        at_ms=row.at_ms,
        settled_ms=row.settled_ms,
        note=row.note,
    )
