"""Numbers that more than one dossier of an office bears, beside each other (section 6, Fork).

Before a fork an office and its former self both gave them; after a restored province they may have
been lent twice. One that was withdrawn does not count. A pair is gone once one has another number:
a place in the register by the office's correction, a code by `numbers.mapped`.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, select, true
from sqlalchemy import func as sql
from sqlalchemy.ext.asyncio import AsyncConnection

from server.projected_dossiers import read_dossier
from server.store.projection_tables import dossier
from server.store.tables import event, office
from wire.chain import event_id
from wire.event import format_time
from wire.keys import device10

LISTED_MAX = 200
CREATING = "dossier.received"
_BOOK = (dossier.c.book_year, dossier.c.volume, dossier.c.number)


class Bearer(Struct, frozen=True, kw_only=True):
    """One dossier that bears the number: who took it in on which device, and when."""

    dossier: str
    code: str | None
    book: str | None
    state: str
    device: str
    by: str | None
    at: str


class Twice(Struct, frozen=True, kw_only=True):
    """A number and the dossiers that bear it, the oldest first."""

    office: str
    kind: Literal["code", "book"]
    number: str
    records: tuple[Bearer, ...]


class _Author(Struct):
    actor: str | None = None


async def listed(conn: AsyncConnection, office_id: bytes | None = None) -> list[Twice]:
    """Return the numbers of an office (None: of all) that stand twice, at most `LISTED_MAX`."""
    chosen = dossier.c.office_id == office_id if office_id is not None else true()
    found: list[Twice] = []
    codes = (
        select(dossier.c.office_id, dossier.c.code)
        .where(chosen, dossier.c.code.is_not(None))
        .group_by(dossier.c.office_id, dossier.c.code)
        .having(sql.count() > 1)
    )
    for row in (await conn.execute(codes.limit(LISTED_MAX))).all():
        bearing = dossier.c.code == row.code
        found += await _twice(conn, row.office_id, "code", row.code, bearing)
    books = (
        select(dossier.c.office_id, *_BOOK)
        .where(chosen, dossier.c.number.is_not(None))
        .group_by(dossier.c.office_id, *_BOOK)
        .having(sql.count() > 1)
    )
    for owner, year, volume, number in (await conn.execute(books.limit(LISTED_MAX))).all():
        bearing = (_BOOK[0] == year) & (_BOOK[1] == volume) & (_BOOK[2] == number)
        found += await _twice(conn, owner, "book", f"{year}/{volume}/{number}", bearing)
    return found


async def _twice(
    conn: AsyncConnection,
    office_id: bytes,
    kind: Literal["code", "book"],
    number: str,
    bearing: ColumnElement[bool],
) -> list[Twice]:
    """Return the number with its dossiers, nothing when all but one were withdrawn."""
    rows = await conn.execute(
        select(dossier.c.dossier_id, dossier.c.device_id, dossier.c.stand, office.c.code)
        .join(office, office.c.office_id == dossier.c.office_id)
        .where(dossier.c.office_id == office_id, bearing)
        .order_by(dossier.c.first_ms, dossier.c.dossier_id)
    )
    held = [(row, read_dossier(row.stand)) for row in rows]
    bearers = [(row, stand) for row, stand in held if stand.state != "withdrawn"]
    if len(bearers) < 2:
        return []
    authors = await _authors(conn, office_id, {row.dossier_id for row, _ in bearers})
    records = tuple(
        Bearer(
            dossier=str(UUID(bytes=row.dossier_id)),
            code=stand.code,
            book=stand.book,
            state=stand.state,
            device=device10(row.device_id),
            by=authors.get(row.dossier_id),
            at=format_time(stand.received_at_ms),
        )
        for row, stand in bearers
    )
    return [Twice(office=bearers[0][0].code, kind=kind, number=number, records=records)]


async def _authors(
    conn: AsyncConnection, office_id: bytes, wanted: set[bytes]
) -> dict[bytes, str | None]:
    """Return who took in these dossiers; one that the province assigned has nobody.

    Ids are not stored: the office's records of that kind are gone through, which is rare and told
    to a person.
    """
    rows = await conn.execute(
        select(event.c.journal_no, event.c.seq, event.c.hash).where(
            event.c.office_id == office_id, event.c.kind == CREATING
        )
    )
    places = {event_id(row.hash).bytes: (row.journal_no, row.seq) for row in rows}
    return {id_: await _author(conn, office_id, *places[id_]) for id_ in wanted if id_ in places}


async def _author(conn: AsyncConnection, office_id: bytes, journal_no: int, seq: int) -> str | None:
    """Return who wrote an event; None once its retention is over."""
    query = select(event.c.event).where(
        event.c.office_id == office_id, event.c.journal_no == journal_no, event.c.seq == seq
    )
    raw = (await conn.execute(query)).scalar()
    return None if raw is None else msgspec.json.decode(raw, type=_Author).actor
