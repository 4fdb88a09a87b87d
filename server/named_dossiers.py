"""Which dossier an id, a code or a place in the book names, and whether a code is still free."""

from __future__ import annotations

from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.codes import SERIAL_DIGITS_MAX, DossierCode, format_code, parse_book_ref, parse_code
from server.store.projection_tables import dossier
from server.store.tables import lease
from wire.problems import FieldError, Refusal
from wire.texts import Text

_TAKEN: Final = Text(vi="Hồ sơ khác đã mang mã này.", en="Another dossier bears this code.")
_LENT: Final = Text(
    vi="Mã này nằm trong dải số đã cấp cho một máy của đơn vị.",
    en="This code lies in a range lent to a device of the office.",
)


class Kept(NamedTuple):
    """A dossier and the device that keeps it."""

    dossier_id: bytes
    device_id: bytes


def canonical(code: str | None) -> str | None:
    """Return a code, judged before, as it is printed."""
    parsed = parse_code(code) if code is not None else None
    return None if parsed is None else str(parsed)


async def find(
    conn: AsyncConnection, office_id: bytes, ref: str, *, locked: bool = False
) -> Kept | None:
    """Return ids of dossier and device of what an id, a code or `year/volume/number` names.

    Of several that bear one number it is the one that began first, as in the office.
    """
    named = _named(ref)
    if named is None:
        return None
    query = (
        select(dossier.c.dossier_id, dossier.c.device_id)
        .where(dossier.c.office_id == office_id, named)
        .order_by(dossier.c.first_ms, dossier.c.dossier_id)
        .limit(1)
    )
    row = (await conn.execute(query.with_for_update() if locked else query)).one_or_none()
    return None if row is None else Kept._make(row)


def _named(ref: str) -> ColumnElement[bool] | None:
    book = parse_book_ref(ref)
    if book is not None and book.year is not None:
        return (
            (dossier.c.book_year == book.year)
            & (dossier.c.volume == book.volume)
            & (dossier.c.number == book.number)
        )
    code = parse_code(ref)
    if code is not None:
        return dossier.c.code.in_(_written(code))
    try:
        return dossier.c.dossier_id == UUID(ref).bytes
    except ValueError:
        return None


def _written(code: DossierCode) -> list[str]:
    """Return a code in every width it can be printed in: they are one number."""
    widths = range(len(str(code.serial)), SERIAL_DIGITS_MAX + 1)
    return [format_code(code.prefix, code.day, code.serial, width) for width in widths]


async def check_free(
    conn: AsyncConnection, office_id: bytes, text: str | None, own: bytes | None
) -> None:
    """Refuse a code that another dossier of the office bears, or that a device may give."""
    code = parse_code(text) if text is not None else None
    if text is None or code is None:
        return
    bearer = await find(conn, office_id, text)
    if bearer is not None:
        if bearer.dossier_id == own:
            return
        raise refused_at("field-invalid", "body.code", _TAKEN)
    day = code.day.isoformat()
    lent = await conn.execute(
        select(lease.c.serial_from).where(
            lease.c.office_id == office_id,
            lease.c.prefix == code.prefix,
            lease.c.first_day <= day,
            lease.c.last_day >= day,
            lease.c.serial_from <= code.serial,
            lease.c.serial_to >= code.serial,
        )
    )
    if lent.first() is not None:
        raise refused_at("field-invalid", "body.code", _LENT)


def refused_at(code: str, path: str, text: Text) -> Refusal:
    """Return the refusal of one place of a body."""
    return Refusal(code, text, [FieldError(path, code, text)])
