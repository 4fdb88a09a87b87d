"""Serials and volumes handed to journals, so that no number is ever given out twice.

On each day of a lease its serials belong to one journal of the office, none of them among those
that the province gave to single dossiers (`dossier.assigned`, `numbers.mapped`), and a volume of
the register book belongs to one journal for good. The numbers are leased because Decree 61/2018
art. 26 lets only the province issue them. Leases renew by themselves, well before they run out.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import count

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.codes import parse_code
from records.leases import Lease
from records.limits import VOLUME_MAX
from server.places import Place
from server.store.projection_tables import dossier
from server.store.tables import book_volume, desk_told, journal, lease

LEASE_DAYS = 30
RENEW_DAYS = 15  # half a lease: an office may be offline for two weeks and still have numbers
LEFT_MIN = 200  # of today's serials; below it one more range is leased
SLOT = 1_000  # serials 1-999, 1001-1999 …: a range never crosses a thousand
RANGES_MAX = 20  # a journal's ranges for one day; nobody receives 20,000 dossiers a day
WIDTH_MIN = 4
ONE_DAY = timedelta(days=1)


class _Held(Struct, frozen=True):
    """What a journal has from today on."""

    ranges_today: int
    last_day: date | None


def is_due(place: Place, today: date, left_today: int | None) -> bool:
    """Return whether a journal may need numbers; cheap, so that it can be asked every time."""
    enough = (today + timedelta(days=RENEW_DAYS)).isoformat()
    few_left = left_today is not None and left_today < LEFT_MIN
    return place.leased_until is None or place.leased_until < enough or few_left


async def renew(
    conn: AsyncConnection, place: Place, prefix: str, today: date, left_today: int | None
) -> Lease | None:
    """Return the lease a journal gets now, already stored; None when it has enough.

    `prefix` is the office's code, `left_today` what the device says is left of today's serials.
    The office's row must be locked.
    """
    held = await _held(conn, place, prefix, today)
    if held.last_day is None or held.last_day < today + timedelta(days=RENEW_DAYS):
        first = today if held.last_day is None else held.last_day + ONE_DAY
        last = today + timedelta(days=LEASE_DAYS - 1)
        await conn.execute(journal.update().where(place.row).values(leased_until=last.isoformat()))
        return await _lease(conn, place, prefix, first, last)
    if left_today is not None and left_today < LEFT_MIN and held.ranges_today < RANGES_MAX:
        return await _lease(conn, place, prefix, today, held.last_day)
    return None


async def _held(conn: AsyncConnection, place: Place, prefix: str, today: date) -> _Held:
    rows = (
        await conn.execute(
            select(lease.c.first_day, lease.c.last_day).where(
                lease.c.office_id == place.office_id,
                lease.c.prefix == prefix,
                lease.c.journal_id == place.journal_id,
                lease.c.device_id == place.device_id,
                lease.c.last_day >= today.isoformat(),
            )
        )
    ).all()
    last = max((row.last_day for row in rows), default=None)
    return _Held(
        ranges_today=sum(row.first_day <= today.isoformat() for row in rows),
        last_day=None if last is None else date.fromisoformat(last),
    )


async def _lease(
    conn: AsyncConnection, place: Place, prefix: str, first: date, last: date
) -> Lease:
    start = await _free_slot(conn, place.office_id, prefix, first, last) * SLOT + 1
    end = start + SLOT - 2
    volume = await _volume(conn, place)
    width = max(WIDTH_MIN, len(str(end)))
    await conn.execute(
        lease.insert().values(
            office_id=place.office_id,
            prefix=prefix,
            first_day=first.isoformat(),
            serial_from=start,
            serial_to=end,
            width=width,
            last_day=last.isoformat(),
            journal_id=place.journal_id,
            device_id=place.device_id,
            volume=volume,
        )
    )
    return Lease(
        journal=place.journal_id.hex(),
        prefix=prefix,
        first=start,
        last=end,
        width=width,
        first_day=first,
        last_day=last,
        volume=volume,
        book_next=1,
    )


async def _free_slot(
    conn: AsyncConnection, office_id: bytes, prefix: str, first: date, last: date
) -> int:
    """Return the lowest thousand of which nothing is leased or granted on a day of the period."""
    rows = await conn.execute(
        select(lease.c.serial_from, lease.c.serial_to).where(
            lease.c.office_id == office_id,
            lease.c.prefix == prefix,
            lease.c.first_day <= last.isoformat(),
            lease.c.last_day >= first.isoformat(),
        )
    )
    taken = {
        slot for row in rows for slot in range(row.serial_from // SLOT, row.serial_to // SLOT + 1)
    }
    taken |= await _granted_slots(conn, office_id, prefix, first, last)
    return next(slot for slot in range(len(taken) + 1) if slot not in taken)


async def _granted_slots(
    conn: AsyncConnection, office_id: bytes, prefix: str, first: date, last: date
) -> set[int]:
    """Return the thousands of which the province itself gave a serial to a dossier."""
    told = select(desk_told.c.dossier_id).where(desk_told.c.office_id == office_id)
    rows = await conn.execute(
        select(dossier.c.code).where(
            dossier.c.office_id == office_id,
            dossier.c.dossier_id.in_(told),
            dossier.c.code.startswith(f"{prefix}-", autoescape=True),
        )
    )
    codes = [code for (text,) in rows if (code := parse_code(text)) is not None]
    return {
        code.serial // SLOT for code in codes if code.prefix == prefix and first <= code.day <= last
    }


async def _volume(conn: AsyncConnection, place: Place) -> int:
    """Return the journal's volume, opening the office's next one when it has none."""
    of_office = book_volume.c.office_id == place.office_id
    own = await conn.execute(
        select(book_volume.c.volume).where(
            of_office,
            book_volume.c.journal_id == place.journal_id,
            book_volume.c.device_id == place.device_id,
        )
    )
    held = own.scalar()
    if held is not None:
        return int(held)
    volume = _next_volume(await volumes(conn, place.office_id))
    await conn.execute(
        book_volume.insert().values(
            office_id=place.office_id,
            volume=volume,
            device_id=place.device_id,
            journal_id=place.journal_id,
        )
    )
    return volume


async def volumes(conn: AsyncConnection, office_id: bytes) -> set[int]:
    """Return the volumes that belong to a journal of the office."""
    rows = await conn.execute(
        select(book_volume.c.volume).where(book_volume.c.office_id == office_id)
    )
    return set(rows.scalars())


def _next_volume(taken: set[int]) -> int:
    """Return the volume after the highest, and the lowest free one when there is none after it.

    A gap may be a volume that a restored province has forgotten, so gaps come last.
    """
    highest = max(taken, default=0)
    if highest < VOLUME_MAX:
        return highest + 1
    return next(volume for volume in count(1) if volume not in taken)
