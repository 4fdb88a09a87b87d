"""Devices of offices: what the province knows of each, and whether it may speak."""

from __future__ import annotations

from datetime import date
from typing import Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.leases import Lease
from server import desk, incidents, leases, offices
from server.desk import Desk, Saying
from server.places import Place
from server.store.tables import desk_journal, device, office
from wire.event import body_of, format_time
from wire.keys import device10
from wire.problems import Refusal
from wire.turns import TurnState, decode_state

State = Literal["pending", "active", "quarantined", "revoked"]


class Device(Struct, frozen=True, kw_only=True):
    """One device. `row` selects it; `revocation` is the signed statement once it is revoked."""

    office_id: bytes
    device_id: bytes
    device_key: bytes
    sealing_key: bytes
    state: State
    predecessors: tuple[bytes, ...]
    record: bytes
    desk_id: bytes
    box: bytes | None
    turns: TurnState
    revocation: bytes | None
    restored_ms: int | None = None
    doubted_ms: int | None = None

    @property
    def row(self) -> ColumnElement[bool]:
        """The condition that selects the device's row."""
        return (device.c.office_id == self.office_id) & (device.c.device_id == self.device_id)


async def find(conn: AsyncConnection, device_id: bytes, *, locked: bool = False) -> Device | None:
    """Return a device by its id, its row locked if asked; None when it is not known."""
    query = select(device).where(device.c.device_id == device_id)
    row = (await conn.execute(query.with_for_update() if locked else query)).one_or_none()
    if row is None:
        return None
    joined = row.predecessors
    return Device(
        office_id=row.office_id,
        device_id=row.device_id,
        device_key=row.device_key,
        sealing_key=row.sealing_key,
        state=row.state,
        predecessors=tuple(joined[at : at + 32] for at in range(0, len(joined), 32)),
        record=row.record,
        desk_id=row.desk_id,
        box=row.box,
        turns=decode_state(row.turns),
        revocation=row.revocation,
        restored_ms=row.restored_ms,
        doubted_ms=row.doubted_ms,
    )


class Listed(Struct, frozen=True, kw_only=True):
    """A device as people see it; `device` is its device10, times milliseconds since the epoch."""

    device_id: bytes
    device: str
    office: str
    name: str
    state: State
    enrolled_ms: int
    seen_ms: int | None


async def every(conn: AsyncConnection) -> list[Listed]:
    """Return all devices that ever enrolled, by office and day of enrolment."""
    rows = await conn.execute(
        select(device, office.c.code)
        .join(office, office.c.office_id == device.c.office_id)
        .order_by(office.c.code, device.c.enrolled_ms, device.c.device_id)
    )
    return [
        Listed(
            device_id=row.device_id,
            device=device10(row.device_id),
            office=row.code,
            name=row.name,
            state=row.state,
            enrolled_ms=row.enrolled_ms,
            seen_ms=row.seen_ms,
        )
        for row in rows
    ]


async def named(conn: AsyncConnection, text: str) -> Listed:
    """Return the device that people call so (device10). Raises Refusal device-unknown."""
    found = [each for each in await every(conn) if each.device == text.strip().lower()]
    if len(found) != 1:  # 50 bits: two of one name do not happen, and are then for a person
        raise Refusal("device-unknown", text)
    return found[0]


async def expect_to_lend(
    conn: AsyncConnection, place: Place, now_ms: int, left_today: int | None = None
) -> None:
    """Lock the office whose numbers a journal may need, before its desk is (`store.engine`).

    `left_today` may be what a device said long ago: a lock taken in vain harms nobody.
    """
    if leases.is_due(place, _day(now_ms), left_today):
        await offices.locked(conn, place.office_id)


async def lend_numbers(
    conn: AsyncConnection,
    place: Place,
    each: Desk,
    now_ms: int,
    left_today: int | None = None,
) -> Desk:
    """Append the number leases that are due to a device's desk; return it with its new head.

    A device that a person has to look at first gets none, and nobody of an office one of whose
    devices has still to give back what this province lost. The office is locked before the desk
    (`expect_to_lend`): here it is held already.
    """
    today = _day(now_ms)
    if not leases.is_due(place, today, left_today):
        return each
    if await incidents.unsettled(conn, place.office_id, place.device_id, incidents.BOX_CHANGED):
        return each
    if await _another_is_lost(conn, place):
        return each
    owner = await offices.locked(conn, place.office_id)
    lease = await leases.renew(conn, place, owner.code, today, left_today)
    if lease is None:
        return each
    written = [desk.write(_leased(lease), now_ms)]
    return (await desk.append(conn, [(each, written)], now_ms))[0]


async def _another_is_lost(conn: AsyncConnection, place: Place) -> bool:
    """Whether another device of the office may hold numbers that a restored province forgot."""
    same = (desk_journal.c.office_id == device.c.office_id) & (
        desk_journal.c.desk_id == device.c.desk_id
    )
    found = await conn.execute(
        select(device.c.device_id)
        .join(desk_journal, same)
        .where(
            device.c.office_id == place.office_id,
            device.c.device_id != place.device_id,
            device.c.state != "revoked",
            desk_journal.c.state != "open",
        )
        .limit(1)
    )
    return found.first() is not None


def _day(now_ms: int) -> date:
    return date.fromisoformat(format_time(now_ms)[:10])


def _leased(item: Lease) -> Saying:
    return Saying("numbers.leased", body_of(item))
