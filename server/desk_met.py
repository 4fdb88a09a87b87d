"""Where a message meets its device's desk journal: what the answer brings of it.

- The device lacks events: they follow its cursor.
- It holds some that are not here: `desk_lost`; what it gives back is kept (`server.desk_lost`) and
  honoured. Until all is here nothing new is said to it, no numbers are lent, and its own events are
  received but not projected. Anybody can chain desk events, so what a device that waits for a
  person shows in an open desk journal stops nobody's numbers and is not kept (`_is_believed`).
- All is here, and the journal is shut: it is told of the next one, which is opened if need be.
"""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from server import (
    desk,
    desk_honoured,
    desk_lost,
    desk_refolded,
    desk_reopened,
    devices,
    incidents,
    offices,
)
from server.context import ServerContext
from server.desk import Desk
from server.desk_lost import After
from server.devices import Device
from server.request import Request
from wire.chain import Head
from wire.plaintext import Up
from wire.problems import Refusal


class Met(Struct, frozen=True):
    """The desk journal to speak of, and where the device is in it.

    `lost`: our heads, when the device holds what is not here. `record`: the device record that
    tells of a journal it does not know. `reopened`: its own events may be projected now.
    """

    desk: Desk
    cursor: Head
    lost: tuple[Head, ...] = ()
    record: bytes | None = None
    reopened: bool = False

    @property
    def is_open(self) -> bool:
        """Whether something new may be said in it."""
        return self.desk.state == "open" and not self.lost


async def meet(
    conn: AsyncConnection, ctx: ServerContext, device: Device, request: Request, now_ms: int
) -> Met:
    """Compare a current message's place in the desk journal with ours, and mend what differs.

    Raises Refusal session-unknown when what is to be said needs a full message.
    """
    up = request.up
    if await _is_well(conn, device, up):
        return Met(await desk.find(conn, device.office_id, up.desk), up.cursor)
    lacking = await desk_lost.missing(conn, ctx, device, request)
    if lacking is not None:
        lacking = await take_back(conn, ctx, device, request, now_ms)
    if lacking is not None:
        await _told(conn, device, lacking, up.cursor, now_ms)
        return Met(lacking, up.cursor, lost=await desk.ladder(conn, lacking))
    here = await desk.look(conn, device.office_id, up.desk)
    if here is None or here.device_id != device.device_id:
        own = await desk.find(conn, device.office_id, device.desk_id)
        return Met(own, own.start, record=device.record)
    if up.cursor.seq < here.head.seq:
        return Met(await desk.find(conn, device.office_id, up.desk), up.cursor)
    if request.session is not None:
        raise Refusal("session-unknown")
    return await _next(conn, ctx, device, here, now_ms)


async def _is_well(conn: AsyncConnection, device: Device, up: Up) -> bool:
    """Whether the device is in its open desk journal and agrees with it, as nearly always."""
    each = await desk.look(conn, device.office_id, up.desk)
    if each is None or (each.state, each.device_id) != ("open", device.device_id):
        return False
    return await desk.hash_at(conn, each, up.cursor.seq) == up.cursor.hash


async def take_back(
    conn: AsyncConnection, ctx: ServerContext, device: Device, request: Request, now_ms: int
) -> Desk | None:
    """Keep and honour what a message gives back; return what is still missing, None: nothing."""
    if not await _is_believed(conn, device):
        return await desk_lost.missing(conn, ctx, device, request)
    await offices.locked(conn, device.office_id)
    await desk.of_device(conn, device.office_id, device.device_id)
    lacking = await desk_lost.missing(conn, ctx, device, request)
    if lacking is None or request.up.returned is None:
        return lacking
    back = await desk_lost.keep(conn, ctx, lacking, request, now_ms)
    if back is None:
        return lacking
    await desk_honoured.honour(conn, device, back, now_ms)
    return await desk_lost.missing(conn, ctx, device, request)


async def _is_believed(conn: AsyncConnection, device: Device) -> bool:
    """Whether a device may show that something was lost: it works, or its journal is shut anyway.

    Of one that is pending or in quarantine nothing was lent that would have to be kept from others
    before a person has looked; it is asked again then.
    """
    if device.state == "active":
        return True
    own = await desk.look(conn, device.office_id, device.desk_id)
    return own is not None and own.state != "open"


async def _told(
    conn: AsyncConnection, device: Device, lacking: Desk, cursor: Head, now_ms: int
) -> None:
    """Say nothing more in a journal that lacks something; show it when nobody said it would be.

    After `restored` every journal is shut, and that some lack something is no news.
    """
    own = await desk.look(conn, device.office_id, device.desk_id)
    if own is None or own.state != "open" or device.state != "active":
        return
    await desk_lost.set_state(conn, own, "lost")
    await incidents.record(
        conn,
        device.office_id,
        "desk-lost",
        facts=(lacking.desk_id, cursor.hash),
        detail=f"desk event {cursor.seq}",
        now_ms=now_ms,
        device_id=device.device_id,
    )


async def _next(
    conn: AsyncConnection, ctx: ServerContext, device: Device, here: Desk, now_ms: int
) -> Met:
    """Return the journal that follows the one the device is at the end of, opened if need be."""
    await offices.locked(conn, device.office_id)
    await desk.of_device(conn, device.office_id, device.device_id)
    each = await desk_reopened.next_of(conn, device, here)
    reopened = each is None
    if each is None:
        after = After(here.desk_id, here.head)
        each = await desk_reopened.reopen(conn, ctx, device, after, now_ms)
    record = await desk_reopened.record_of(conn, ctx, device, each, now_ms)
    return Met(each, each.start, record=record, reopened=reopened)


async def refold(conn: AsyncConnection, ctx: ServerContext, device_id: bytes, now_ms: int) -> None:
    """Fold what came back, and project the device's own events that have waited for it."""
    device = await devices.find(conn, device_id)
    if device is not None:
        await desk_refolded.fold(conn, ctx, device, now_ms)
