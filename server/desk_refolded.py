"""Fold again what desk events that came back say of dossiers (docs/protocol.md section 6).

An assigned dossier is folded before the office's events that tell of it, what the province said of
one after those it had heard (`heard`): the office's own events have waited for that. Each is folded
once: what `desk_told` remembers is here already. What cannot be folded is kept and not remembered;
a later version may know it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.desk_events import DossierAssigned, DossierProgressed
from records.events import UnknownKind, decode_body
from server import catch_up, desk, desk_dossiers, desk_lost, incidents, places
from server.context import ServerContext
from server.desk import Desk
from server.desk_dossiers import Past, Told
from server.devices import Device
from server.named_dossiers import check_free, find
from server.places import Place
from server.sayings import ABOUT_DOSSIER
from server.store.tables import desk_event, desk_told
from wire import event as wire_event
from wire.chain import event_id
from wire.problems import Malformed, Refusal


async def fold(conn: AsyncConnection, ctx: ServerContext, device: Device, now_ms: int) -> None:
    """Fold what is not folded yet of a device's desk journals, and its own events with it.

    The device's journals must be locked, and its office.
    """
    journals = await places.journals_of(conn, device.office_id, device.device_id)
    for place in journals[:-1]:
        await catch_up.project_rest(conn, ctx.project, place)
    newest = journals[-1] if journals else None
    for each in await _lineage(conn, device):
        for row in await _untold(conn, each):
            newest = await _fold_one(conn, ctx, device, each, row, newest, now_ms)
    if newest is not None:
        await catch_up.project_rest(conn, ctx.project, newest)


async def _lineage(conn: AsyncConnection, device: Device) -> list[Desk]:
    """Return the desk journals a device went through, oldest first."""
    found: dict[bytes, Desk] = {}
    wanted: bytes | None = device.desk_id
    while wanted is not None and wanted not in found:
        each = await desk.look(conn, device.office_id, wanted)
        if each is None or each.device_id != device.device_id:
            break
        found[wanted] = each
        before = await desk_lost.follows(conn, each)
        wanted = None if before is None else before.desk_id
    return [*reversed(found.values())]


async def _untold(conn: AsyncConnection, each: Desk) -> list[Any]:
    told = (
        (desk_told.c.office_id == desk_event.c.office_id)
        & (desk_told.c.desk_id == desk_event.c.desk_id)
        & (desk_told.c.seq == desk_event.c.seq)
    )
    rows = await conn.execute(
        select(desk_event)
        .outerjoin(desk_told, told)
        .where(
            desk_event.c.office_id == each.office_id,
            desk_event.c.desk_id == each.desk_id,
            desk_told.c.seq.is_(None),
        )
        .order_by(desk_event.c.seq)
    )
    return [row for row in rows if _kind(row.event) in ABOUT_DOSSIER]


def _kind(raw: bytes) -> str:
    try:
        return wire_event.decode(raw).kind
    except Malformed:
        return ""


async def _fold_one(  # noqa: PLR0917 - whose, which, where it stands, what follows it
    conn: AsyncConnection,
    ctx: ServerContext,
    device: Device,
    each: Desk,
    row: Any,
    place: Place | None,
    now_ms: int,
) -> Place | None:
    """Fold one event; return the journal as far as it is projected then."""
    event = wire_event.decode(row.event)
    try:
        body: Any = decode_body(event.kind, event.body)
    except (Refusal, UnknownKind):
        return place  # kept; a later version may know it
    if place is not None and isinstance(body, DossierProgressed) and body.heard is not None:
        place = await catch_up.project_rest(conn, ctx.project, place, body.heard)
    dossier_id = await _dossier_id(conn, device, body, row.hash)
    if dossier_id is None:
        return place
    if isinstance(body, DossierAssigned):
        await _show_twice(conn, device, body, now_ms)
    past = Past(dossier_id, 0, device.device_id, row.hash, row.event, row.at_ms)
    if await desk_dossiers.fold_again(conn, device.office_id, past):
        told = Told(each.desk_id, row.seq, dossier_id)
        await desk_dossiers.remember(conn, device.office_id, [told])
    return place


async def _dossier_id(
    conn: AsyncConnection, device: Device, body: Any, hash_: bytes
) -> bytes | None:
    """Return which dossier an event is about, None when that is not one this device keeps."""
    if isinstance(body, DossierAssigned):
        return event_id(hash_).bytes
    kept = await find(conn, device.office_id, body.dossier)
    return None if kept is None or kept.device_id != device.device_id else kept.dossier_id


async def _show_twice(
    conn: AsyncConnection, device: Device, body: DossierAssigned, now_ms: int
) -> None:
    """Show a code that another dossier has got meanwhile."""
    try:
        await check_free(conn, device.office_id, body.code, None)
    except Refusal:
        await incidents.record(
            conn,
            device.office_id,
            "numbers-twice",
            facts=((body.code or "").encode(),),
            detail=body.code or "",
            now_ms=now_ms,
            device_id=device.device_id,
        )
