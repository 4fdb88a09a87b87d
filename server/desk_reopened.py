"""A new desk journal after one that was lost: it begins with the place it follows and the present.

Nothing is ever appended to the lost one again (docs/protocol.md section 6). What the province had
said about dossiers into places that turned out to be taken is said anew here, by the same bytes;
an id that came from such a place becomes that of the new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server import desk, desk_dossiers, desk_lost, publishing, rebuilding, signed
from server.context import ServerContext
from server.desk import Desk, Saying
from server.desk_lost import After
from server.devices import Device
from server.store.lost_tables import desk_aside
from server.store.tables import desk_journal, session
from server.store.tables import device as device_table
from wire import event as wire_event
from wire import statements
from wire.chain import event_id, genesis
from wire.event import body_of
from wire.plaintext import Up
from wire.problems import Malformed
from wire.statements import DeviceRecord

WHY: Final = "restored"


async def next_of(conn: AsyncConnection, device: Device, each: Desk) -> Desk | None:
    """Return the newest desk journal of the device that follows the head of `each`, if any."""
    query = (
        select(desk_journal.c.desk_id)
        .where(
            desk_journal.c.office_id == device.office_id,
            desk_journal.c.device_id == device.device_id,
            desk_journal.c.desk_id != each.desk_id,
        )
        .order_by(desk_journal.c.opened_ms.desc(), desk_journal.c.desk_id)
    )
    for (desk_id,) in (await conn.execute(query)).all():
        other = await desk.look(conn, device.office_id, desk_id)
        if other is not None and await desk_lost.follows(conn, other) == After(
            each.desk_id, each.head
        ):
            return other
    return None


async def record_of(
    conn: AsyncConnection, ctx: ServerContext, device: Device, each: Desk, now_ms: int
) -> bytes:
    """Return a signed record that tells the device of this desk journal, stored first."""
    held = _record(ctx, device)
    if held.desk == each.desk_id:
        return device.record
    record = msgspec.structs.replace(
        held,
        desk=each.desk_id,
        desk_writer_key=each.writer_key,
        serial=held.serial + 1,
        time_ms=now_ms,
    )
    signed = statements.sign(record, ctx.keys.signing)
    await conn.execute(
        device_table.update().where(device.row).values(record=signed, serial=record.serial)
    )
    return signed


def _record(ctx: ServerContext, device: Device) -> DeviceRecord:
    """Return the device's record, signed by whichever key of ours."""
    return signed.read(ctx.keys, device.record, DeviceRecord)


async def expect_to_reopen(conn: AsyncConnection, device: Device, up: Up) -> None:
    """Lock every device of the office, before its own, if a full message may have it rebuilt.

    It may when it gives desk events back, or when something waits to be said anew (`_say_anew`).
    A lock taken in vain harms nobody.
    """
    aside = select(desk_aside.c.seq).where(
        desk_aside.c.office_id == device.office_id, desk_aside.c.device_id == device.device_id
    )
    if up.returned is None and (await conn.execute(aside.limit(1))).first() is None:
        return
    await rebuilding.lock_devices(conn, device.office_id)


async def reopen(
    conn: AsyncConnection, ctx: ServerContext, device: Device, after: After, now_ms: int
) -> Desk:
    """Open the desk journal that follows `after`; return it with its head.

    The office and every desk journal of the device must be locked, and before them what
    `expect_to_reopen` locks. Sessions end: their messages
    are about the former one.
    """
    writer = ctx.keys.signing
    desk_id = ctx.random_bytes(16)
    each = Desk(
        office_id=device.office_id,
        desk_id=desk_id,
        device_id=device.device_id,
        writer_key=writer.public,
        state="open",
        head=genesis(writer.key_id, desk_id),
    )
    for former in await desk.of_device(conn, device.office_id, device.device_id):
        await desk_lost.set_state(conn, former, "closed")
    await desk.create(conn, each, now_ms)
    place = (after.desk_id.hex(), after.head.seq, after.head.hash.hex())
    opened = Saying("desk.opened", body_of({"after": place, "why": WHY}))
    each = (await desk.append(conn, [(each, [desk.write(opened, now_ms)])], now_ms))[0]
    each = await publishing.begin(conn, each, now_ms)
    each = await _say_anew(conn, ctx, device, each, now_ms)
    own = (session.c.office_id == device.office_id) & (session.c.device_id == device.device_id)
    await conn.execute(delete(session).where(own))
    await conn.execute(device_table.update().where(device.row).values(desk_id=desk_id))
    return each


async def _say_anew(
    conn: AsyncConnection, ctx: ServerContext, device: Device, each: Desk, now_ms: int
) -> Desk:
    """Say what was put aside about dossiers; it is folded where it was folded first."""
    mine = (desk_aside.c.office_id == device.office_id) & (
        desk_aside.c.device_id == device.device_id
    )
    rows = (
        await conn.execute(
            select(desk_aside).where(mine).order_by(desk_aside.c.at_ms, desk_aside.c.seq)
        )
    ).all()
    renamed: dict[bytes, bytes] = {}
    told: list[dict[str, Any]] = []
    for row in rows:
        if row.dossier_id is None:
            continue  # of the present state, said anew already, or a range that is nobody's now
        raw = _with_ids(row.event, renamed)
        each = (await desk.append(conn, [(each, [raw])], now_ms))[0]
        dossier_id = renamed.get(row.dossier_id, row.dossier_id)
        if dossier_id == event_id(row.hash).bytes:
            dossier_id = renamed[row.dossier_id] = event_id(each.head.hash).bytes
        told.append(
            {
                "office_id": device.office_id,
                "desk_id": each.desk_id,
                "seq": each.head.seq,
                "dossier_id": dossier_id,
                "after_position": row.after_position,
            }
        )
    await conn.execute(delete(desk_aside).where(mine))
    if told:
        await desk_dossiers.remember_at(conn, told)
        await rebuilding.rebuild_office(
            conn, ctx, device.office_id
        )  # its events have other ids now
    return each


def _with_ids(raw: bytes, renamed: Mapping[bytes, bytes]) -> bytes:
    """Return the bytes of an event, the dossier it names by its new id if it has one."""
    try:
        event = wire_event.decode(raw)
        body = msgspec.json.decode(event.body)
        new = renamed.get(UUID(body["dossier"]).bytes)
    except (Malformed, msgspec.DecodeError, KeyError, ValueError):
        return raw  # it begins a dossier, or names one otherwise
    if new is None:
        return raw
    body["dossier"] = str(UUID(bytes=new))
    return wire_event.encode(msgspec.structs.replace(event, body=body_of(body)))
