"""What desk events that were given back had granted, and is honoured again.

- a range of numbers named there is taken: it is nobody else's, whoever it was for
- an order, a procedure, a notice that a receipt of ours covers stands again for this office
- what was said of a dossier is folded again, each at its place between the office's own events

Two journals that hold the same numbers, because the province lent them twice between its restore
and this, are shown to a person: `numbers-twice`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.events import UnknownKind, decode_body
from records.leases import Lease
from server import incidents, leases, publishing
from server.desk_lost import Returned
from server.devices import Device
from server.sayings import PUBLISHED
from server.store.tables import book_volume, journal, lease
from wire import event as wire_event
from wire.event import Event
from wire.problems import Malformed, Refusal

RANGE_SERIALS_MAX: Final = 10 * leases.SLOT
"""A range we lend is one thousand; one much larger no province ever lent."""
RANGE_DAYS_MAX: Final = 2 * leases.LEASE_DAYS
VOLUMES_AHEAD_MAX: Final = 100
"""An office opens a few volumes a year, one a journal: no copy is so old that it lacks more."""

Owner = tuple[bytes, bytes]
"""Journal and device that a range is lent to."""
NOBODY: Final[Owner] = (bytes(16), bytes(32))
"""Of a range that is taken and that nobody was told of: it is lent to no one any more."""


class _Held(NamedTuple):
    own: Owner


async def honour(conn: AsyncConnection, device: Device, back: Returned, now_ms: int) -> None:
    """Take numbers and standing words of events given back; the office must be locked.

    What was lent in their place, and never heard of, is nobody's: lending it would be a second
    time if a copy of the device had heard it.
    """
    for raw in back.aside:
        await _void(conn, device, raw)
    for count, item in enumerate(back.news):
        event = _readable(item.event)
        lent = _lease(event)
        if lent is not None:
            await _take(conn, device, lent, now_ms)
        elif event is not None and count < back.proven and event.kind in PUBLISHED:
            await _publish(conn, device, event)


async def _void(conn: AsyncConnection, device: Device, raw: bytes) -> None:
    body = _lease(_readable(raw))
    if body is None:
        return
    values = {"journal_id": NOBODY[0], "device_id": NOBODY[1]}
    journal_id = bytes.fromhex(body.journal)
    mine = (lease.c.journal_id == journal_id) & (lease.c.device_id == device.device_id)
    await conn.execute(lease.update().where(_row(device.office_id, body), mine).values(values))
    await lent_until(conn, device.office_id, device.device_id, journal_id)


def _readable(raw: bytes | None) -> Event | None:
    try:
        return wire_event.decode(raw or b"")
    except Malformed:
        return None  # chained and kept, whatever it is


def _lease(event: Event | None) -> Lease | None:
    """Return the range an event lends, None when it lends none, or none that is ours."""
    if event is None or event.kind != "numbers.leased":
        return None
    try:
        body = decode_body(event.kind, event.body)
    except (Refusal, UnknownKind):
        return None
    return body if isinstance(body, Lease) and _is_ours(body) else None


async def _publish(conn: AsyncConnection, device: Device, event: Event) -> None:
    try:
        said_ms = wire_event.parse_time(event.at)
        await publishing.stand_again(conn, device.office_id, event.kind, bytes(event.body), said_ms)
    except (Refusal, Malformed):
        return  # said by a version that published what this one would not


async def _take(conn: AsyncConnection, device: Device, body: Lease, now_ms: int) -> None:
    journal_id = bytes.fromhex(body.journal)
    own = (journal_id, device.device_id)
    same = [row for row in await _overlapping(conn, device.office_id, body) if row.own != NOBODY]
    if any(row.own != own for row in same):
        await _twice(conn, device, body, now_ms)
    await _hold(conn, device.office_id, body, own)
    await _take_volume(conn, device, body, now_ms)
    await lent_until(conn, device.office_id, device.device_id, journal_id)


async def _hold(conn: AsyncConnection, office_id: bytes, body: Lease, own: Owner) -> None:
    """Enter a range as this journal's; one of the same beginning that another has stays that's."""
    here = _row(office_id, body)
    held = (await conn.execute(select(lease).where(here))).one_or_none()
    mine = {
        "serial_to": body.last,
        "width": body.width,
        "last_day": body.last_day.isoformat(),
        "journal_id": own[0],
        "device_id": own[1],
        "volume": body.volume,
    }
    if held is None:
        key = {"office_id": office_id, "prefix": body.prefix, "serial_from": body.first}
        first_day = body.first_day.isoformat()
        await conn.execute(lease.insert().values(**key, first_day=first_day, **mine))
    elif (held.journal_id, held.device_id) == NOBODY:
        await conn.execute(lease.update().where(here).values(mine))


def _row(office_id: bytes, body: Lease) -> ColumnElement[bool]:
    return (
        (lease.c.office_id == office_id)
        & (lease.c.prefix == body.prefix)
        & (lease.c.first_day == body.first_day.isoformat())
        & (lease.c.serial_from == body.first)
    )


def _is_ours(body: Lease) -> bool:
    days = (body.last_day - body.first_day).days
    return body.last - body.first < RANGE_SERIALS_MAX and days <= RANGE_DAYS_MAX


async def _overlapping(conn: AsyncConnection, office_id: bytes, body: Lease) -> Sequence[_Held]:
    rows = await conn.execute(
        select(lease.c.journal_id, lease.c.device_id).where(
            lease.c.office_id == office_id,
            lease.c.prefix == body.prefix,
            lease.c.first_day <= body.last_day.isoformat(),
            lease.c.last_day >= body.first_day.isoformat(),
            lease.c.serial_from <= body.last,
            lease.c.serial_to >= body.first,
        )
    )
    return [_Held((row.journal_id, row.device_id)) for row in rows]


async def _take_volume(conn: AsyncConnection, device: Device, body: Lease, now_ms: int) -> None:
    """The volume of the register belongs to the journal it was lent to.

    One far above all that are known was never opened here, and would use up those between.
    """
    known = await leases.volumes(conn, device.office_id)
    if body.volume > max(known, default=0) + VOLUMES_AHEAD_MAX:
        return
    same = (book_volume.c.office_id == device.office_id) & (book_volume.c.volume == body.volume)
    row = (await conn.execute(select(book_volume).where(same))).one_or_none()
    journal_id = bytes.fromhex(body.journal)
    if row is None:
        await conn.execute(
            book_volume.insert().values(
                office_id=device.office_id,
                volume=body.volume,
                device_id=device.device_id,
                journal_id=journal_id,
            )
        )
    elif (row.device_id, row.journal_id) != (device.device_id, journal_id):
        await _twice(conn, device, body, now_ms)


async def _twice(conn: AsyncConnection, device: Device, body: Lease, now_ms: int) -> None:
    detail = (
        f"{body.prefix} {body.first_day}..{body.last_day} {body.first}-{body.last},"
        f" volume {body.volume}"
    )
    await incidents.record(
        conn,
        device.office_id,
        "numbers-twice",
        facts=(detail.encode(),),
        detail=detail,
        now_ms=now_ms,
        device_id=device.device_id,
        journal_id=bytes.fromhex(body.journal),
    )


async def lent_until(
    conn: AsyncConnection, office_id: bytes, device_id: bytes, journal_id: bytes
) -> None:
    """Write anew until when a journal has numbers, from the ranges that are its own."""
    highest = await conn.execute(
        select(func.max(lease.c.last_day)).where(
            lease.c.office_id == office_id,
            lease.c.device_id == device_id,
            lease.c.journal_id == journal_id,
        )
    )
    await conn.execute(
        journal.update()
        .where(
            journal.c.office_id == office_id,
            journal.c.device_id == device_id,
            journal.c.journal_id == journal_id,
        )
        .values(leased_until=highest.scalar())
    )
