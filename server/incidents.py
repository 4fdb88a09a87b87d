"""What a person has to look at, told once.

An incident's id is made from its facts: the same facts told again, by a repeated message or by
another worker, are the same incident.
"""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store.tables import incident

ID_BYTES = 16


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
) -> bool:
    """Store an incident unless it is there; return whether it is new.

    `kind` is a code such as `fork` or `box-changed`; `facts` tell it from others of its kind;
    `detail` is for people and holds no personal data. Call it with the device's row locked.
    """
    parts = b"\x00".join(part.hex().encode() for part in (kind.encode(), device_id or b"", *facts))
    incident_id = sha256(parts).digest()[:ID_BYTES]
    held = await conn.execute(
        select(incident.c.at_ms).where(
            incident.c.office_id == office_id, incident.c.incident_id == incident_id
        )
    )
    if held.first() is not None:
        return False
    await conn.execute(
        incident.insert().values(
            office_id=office_id,
            incident_id=incident_id,
            kind=kind,
            device_id=device_id,
            journal_id=journal_id,
            detail=detail,
            at_ms=now_ms,
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
