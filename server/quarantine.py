"""Which devices are believed no more until a person has looked (docs/protocol.md section 6).

What a current message shows is held against the rule of boxes and incidents; a clone is put in
quarantine. From then on whatever its key signs is stored aside: nothing is projected, lent or
opened. A device that waits for its approval has nothing to lose, and is left waiting.
"""

from __future__ import annotations

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from server import clone_rule, incidents, places
from server.clone_rule import Judgement, Known
from server.devices import Device
from server.request import Request
from server.store.tables import device as device_table
from wire.turns import TurnJudgement

QUARANTINED = "quarantined"
RESTORED = "device-restored"


async def watch(
    conn: AsyncConnection, device: Device, request: Request, turn: TurnJudgement, now_ms: int
) -> Device:
    """Judge a current message of a device (its row locked); return the device as it now is."""
    up = request.up
    if turn.incident and not await _is_told(conn, device):
        await incidents.record(
            conn,
            device.office_id,
            RESTORED,
            facts=(up.was or b"", up.turn),
            detail="",
            now_ms=now_ms,
            device_id=device.device_id,
            journal_id=up.journal,
        )
    if up.box is None and not turn.incident:
        return device
    place = await places.find(conn, device.office_id, device.device_id, up.journal)
    found = clone_rule.judge(
        await _known(conn, device),
        box=up.box,
        behind=up.head.seq < (0 if place is None else place.head.seq),
        restored=turn.incident,
        now_ms=now_ms,
    )
    await _keep(conn, device, found, up.box, now_ms)
    if not found.clone:
        return device
    return await begin(conn, device, found.clone, up.journal, now_ms)


async def begin(
    conn: AsyncConnection, device: Device, why: str, journal_id: bytes, now_ms: int
) -> Device:
    """Put a device that works in quarantine; return it as it now is."""
    if device.state != "active":
        return device
    await conn.execute(device_table.update().where(device.row).values(state=QUARANTINED))
    await incidents.record(
        conn,
        device.office_id,
        QUARANTINED,
        facts=(journal_id, why.encode(), now_ms.to_bytes(8, "big")),
        detail=f"{why}, journal {journal_id.hex()}",
        now_ms=now_ms,
        device_id=device.device_id,
        journal_id=journal_id,
    )
    return msgspec.structs.replace(device, state=QUARANTINED)


async def _is_told(conn: AsyncConnection, device: Device) -> bool:
    """Whether a person already has to look at a device in quarantine for its memory.

    Two boxes with one key go on restoring each other's turn, with every exchange.
    """
    if device.state != QUARANTINED:
        return False
    return await incidents.unsettled(conn, device.office_id, device.device_id, RESTORED)


async def _known(conn: AsyncConnection, device: Device) -> Known:
    suspect = await incidents.unsettled(
        conn, device.office_id, device.device_id, incidents.BOX_CHANGED
    )
    return Known(
        box=device.box,
        suspect=suspect,
        restored_ms=device.restored_ms,
        doubted=device.doubted_ms is not None,
    )


async def _keep(
    conn: AsyncConnection, device: Device, found: Judgement, box: bytes | None, now_ms: int
) -> None:
    known, before = found.known, device.box
    if found.parts and before is not None and box is not None:
        await incidents.record(
            conn,
            device.office_id,
            incidents.BOX_CHANGED if found.suspect else "part-swapped",
            facts=(before, box),
            detail=", ".join(found.parts),
            now_ms=now_ms,
            device_id=device.device_id,
            shown=box if found.suspect else None,
        )
    doubted_ms = (device.doubted_ms or now_ms) if known.doubted else None
    values = {"box": known.box, "restored_ms": known.restored_ms, "doubted_ms": doubted_ms}
    if (device.box, device.restored_ms, device.doubted_ms) != tuple(values.values()):
        await conn.execute(device_table.update().where(device.row).values(values))
