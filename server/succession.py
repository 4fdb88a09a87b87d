"""Whether a journal the province does not know may be opened (docs/protocol.md section 6).

A journal has at most one successor, a device at most one open journal. A device goes on after its
first journal by itself; after a successor only when a person has let it.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from records.office_events import JournalOpened
from server import offices, places
from server.devices import Device
from server.places import Place
from server.request import Request
from server.store.tables import journal

Refused = Literal["unknown-journal", "aside", "second-fork"]


async def open_unknown(
    conn: AsyncConnection, device: Device, request: Request, now_ms: int
) -> Place | Refused:
    """Open the journal of a message if it may be opened; else say what its events are.

    `unknown-journal`: send from the first event, or deliver what it follows first; `aside`: they
    are kept aside; `second-fork`: the same, and a person has to be asked.
    """
    up = request.up
    known = await places.journals_of(conn, device.office_id, device.device_id)
    former = next((place for place in known if place.state == "open"), None)
    if former is None:
        return await _open(conn, device, up.journal, now_ms, None)
    if up.head.seq > 0 and (not request.judged or request.judged[0].chained.seq > 1):
        return "unknown-journal"
    named = _named(request)
    if named is None or named[0] != former.journal_id.hex():
        return "aside"
    held = await places.hash_at(conn, former, named[1])
    if held is None:
        return "unknown-journal"
    if held.hex() != named[2]:
        return "aside"
    if not former.may_fork:
        return "second-fork"
    await conn.execute(journal.update().where(former.row).values(state="closed"))
    return await _open(conn, device, up.journal, now_ms, (former.journal_no, named[1]))


async def _open(
    conn: AsyncConnection,
    device: Device,
    journal_id: bytes,
    now_ms: int,
    after: tuple[int, int] | None,
) -> Place:
    await offices.locked(conn, device.office_id)
    return await places.open_journal(
        conn, device.office_id, device.device_id, journal_id, now_ms, after=after
    )


def _named(request: Request) -> tuple[str, int, str] | None:
    """Return the place a first event says its journal follows."""
    first = request.judged[0] if request.judged else None
    if first is None or first.event is None or first.chained.seq != 1:
        return None
    if first.event.kind != "journal.opened":
        return None
    try:
        return msgspec.json.decode(first.event.body, type=JournalOpened).after
    except msgspec.DecodeError:
        return None  # it names no place, so it follows none
