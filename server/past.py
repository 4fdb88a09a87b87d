"""Giving a device its own events back (`fetch`, docs/protocol.md section 5)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server import places
from server.devices import Device
from server.reply import Past
from server.store.tables import event
from wire.block import Gone
from wire.limits import FETCH_PLAIN_BYTES_MAX
from wire.plaintext import Fetch

FETCH_ROWS_MAX = 10_000


def may_fetch(device: Device, wanted: Fetch) -> bool:
    """Return whether a journal is the sender's own or that of one it replaced.

    A device that waits for a person, or is believed no more, gets nothing back (section 10).
    """
    return device.state == "active" and wanted.device_id in (device.device_id, *device.predecessors)


async def fetch(conn: AsyncConnection, device: Device, wanted: Fetch) -> Past | None:
    """Return the events asked for, as many as one answer may hold; None when there are none."""
    if not may_fetch(device, wanted):
        return None
    place = await places.find(
        conn, device.office_id, wanted.device_id, wanted.journal, locked=False
    )
    if place is None or not 1 <= wanted.first <= place.head.seq:
        return None
    prev = await places.hash_at(conn, place, wanted.first - 1)
    if prev is None:
        return None
    rows = await conn.execute(
        select(
            event.c.seq, event.c.event, event.c.digest, event.c.day, event.c.kind, event.c.channel
        )
        .where(
            event.c.office_id == place.office_id,
            event.c.journal_no == place.journal_no,
            event.c.seq >= wanted.first,
        )
        .order_by(event.c.seq)
        .limit(FETCH_ROWS_MAX)
    )
    kept: list[bytes] = []
    gone: list[Gone] = []
    size = 0
    for row in rows:
        if row.event is None:
            gone.append(Gone(row.seq, row.digest, row.day, row.kind, row.channel))
            continue
        size += len(row.event) + 1
        if size > FETCH_PLAIN_BYTES_MAX:
            break
        kept.append(row.event)
    return Past(wanted.device_id, wanted.journal, wanted.first, prev, tuple(kept), tuple(gone))
