"""A list of offices taken into the register: new ones minted, changed names kept and told.

One transaction for the whole list, so that an office is never there without what it is told.
A code that an office had once and has no more says nothing about that office's present name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final, Literal, NamedTuple

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.desk_events import OfficeProfile
from server import offices, publishing
from server.context import ServerContext
from server.store.tables import office, office_code, publication
from wire.event import format_time

PROFILE: Final = "office.profile"
State = Literal["new", "changed", "known"]


class Entry(NamedTuple):
    """An office as a list has it; `valid_from` None: from today on."""

    code: str
    name: str
    ward_code: str | None = None
    valid_from: date | None = None


class Found(NamedTuple):
    """What an entry means for the register; `office_id` is None for one that is to be minted.

    `was` is the name in the register, where there is one.
    """

    entry: Entry
    state: State
    office_id: bytes | None
    was: str | None


async def compare(conn: AsyncConnection, entries: Sequence[Entry]) -> list[Found]:
    """Return what taking in a list would do, in its order."""
    return [await _compared(conn, entry) for entry in entries]


async def _compared(conn: AsyncConnection, entry: Entry) -> Found:
    row = (
        await conn.execute(
            select(office.c.office_id, office.c.code, office.c.name, office.c.ward_code)
            .join(office_code, office_code.c.office_id == office.c.office_id)
            .where(office_code.c.code == entry.code)
            .order_by(office_code.c.valid_from.desc())
            .limit(1)
        )
    ).one_or_none()
    if row is None:
        return Found(entry, "new", None, None)
    differs = entry.name != row.name or entry.ward_code not in (None, row.ward_code)
    changed = differs and row.code == entry.code
    return Found(entry, "changed" if changed else "known", row.office_id, row.name)


async def take_in(ctx: ServerContext, entries: Sequence[Entry]) -> list[Found]:
    """Take a list into the register, all or nothing; return what was done, with every id."""
    now_ms = ctx.now_ms()
    async with ctx.store.write() as conn:
        found = await compare(conn, entries)
        changed = {item.office_id: item for item in found if item.state == "changed"}
        await offices.by_ids(conn, [key for key in changed if key is not None])
        done = [await _stored(conn, ctx, item) for item in found]
        for item in done:
            if item.state != "known" and item.entry.name != item.was and item.office_id is not None:
                profile = await _profile(conn, item.office_id, item.entry.name)
                await publishing.tell(conn, item.office_id, PROFILE, profile, now_ms)
    return done


async def _profile(conn: AsyncConnection, office_id: bytes, name: str) -> bytes:
    """Return the office's profile with this name, else as it was published last."""
    newest = (
        select(publication.c.body)
        .where(publication.c.office_id == office_id, publication.c.kind == PROFILE)
        .order_by(publication.c.ordinal.desc())
        .limit(1)
    )
    body = (await conn.execute(newest)).scalar()
    present = OfficeProfile() if body is None else msgspec.json.decode(body, type=OfficeProfile)
    return msgspec.json.encode(msgspec.structs.replace(present, name=name))


async def _stored(conn: AsyncConnection, ctx: ServerContext, item: Found) -> Found:
    entry = item.entry
    if item.office_id is None:
        minted = await offices.mint(conn, ctx, *entry[:3], valid_from=entry.valid_from)
        return item._replace(office_id=minted)
    if item.state == "changed":
        own = office.c.office_id == item.office_id
        values = {"name": entry.name}
        if entry.ward_code is not None:
            values["ward_code"] = entry.ward_code
        await conn.execute(office.update().where(own).values(values))
        await _name_since(conn, item.office_id, entry, format_time(ctx.now_ms())[:10])
    return item


async def _name_since(conn: AsyncConnection, office_id: bytes, entry: Entry, today: str) -> None:
    """Note since when the code goes with this name."""
    since = today if entry.valid_from is None else entry.valid_from.isoformat()
    row = {"office_id": office_id, "code": entry.code, "valid_from": since}
    same = [office_code.c[name] == value for name, value in row.items()]
    told = await conn.execute(office_code.update().where(*same).values(name=entry.name))
    if told.rowcount == 0:
        await conn.execute(office_code.insert().values(**row, name=entry.name))
