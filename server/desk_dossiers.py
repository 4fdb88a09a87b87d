"""What the province says about one dossier: to one device, and into its own tables at once.

`dossier.assigned`, `dossier.progressed`, `numbers.mapped` and `conflict.settled` change a dossier
as the office's own events do. So they go to exactly one desk journal, that of the device which
keeps the dossier, name it by its id, and are folded here in the transaction that says them: counts
of both ends agree, and what the office then records about it finds it here. `desk_told` remembers
each and its place in the order of the feed, so that a rebuild folds them where they were folded
first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.conflicts import Said
from records.desk_events import DossierAssigned, NumbersMapped
from records.events import decode_body
from server import desk
from server.desk import Desk, Saying
from server.named_dossiers import Kept, canonical, check_free, find, refused_at
from server.projected_dossiers import Dossiers, Telling
from server.sayings import Judged
from server.store.again import failed_on_disk
from server.store.positions import last_position
from server.store.tables import desk_event, desk_journal, desk_told, device, journal
from server.store.transient import is_transient
from wire.chain import event_id
from wire.event import body_of, decode, parse_time
from wire.problems import Refusal
from wire.texts import Text

_log = structlog.get_logger("server")

WORKING: Final = ("active", "pending")
"""States of a device that may still be told of people, the first before the second."""

_BOOKED: Final = Text(
    vi="Hồ sơ khác đã ở chỗ này trong sổ.", en="Another dossier has this place in the book."
)
_UNKNOWN: Final = Text(
    vi="Đơn vị không có hồ sơ nào như vậy.", en="The office has no such dossier."
)
_NO_DEVICE: Final = Text(
    vi="Đơn vị không có máy nào đang dùng.", en="The office has no device that works."
)
_DEVICE_GONE: Final = Text(
    vi="Máy giữ hồ sơ này không còn dùng.", en="The device that keeps this dossier works no more."
)


Changes = dict[str, str | int | None]
"""Members of a body as the server writes them; None leaves the member alone."""


class Told(NamedTuple):
    """Where something was said, and about which dossier."""

    desk_id: bytes
    seq: int
    dossier_id: bytes


class Past(NamedTuple):
    """Something said before: about which dossier, folded after which position, by whom and when."""

    dossier_id: bytes
    after_position: int
    device_id: bytes
    hash: bytes
    event: bytes
    at_ms: int


class _Working(NamedTuple):
    device_id: bytes
    state: str
    seen_ms: int | None


async def tell(
    conn: AsyncConnection, desks: Sequence[Desk], office_id: bytes, item: Judged, now_ms: int
) -> tuple[Desk, Told]:
    """Say one thing about a dossier, fold it, and return the desk with its new head.

    `desks` are the open ones of this office, locked, as is the office. Raises Refusal
    dossier-unknown, device-unknown or field-invalid; nothing was written then.
    """
    if isinstance(item.body, DossierAssigned):
        known, each, changes = None, *await _assigned(conn, desks, office_id, item.body)
    else:
        kept = await _kept(conn, office_id, item.body)
        known, each = kept.dossier_id, await _keeper(conn, desks, kept.device_id)
        changes = await _changes(conn, office_id, item.body, kept)
    saying = _with(item.saying, changes)
    raw = desk.write(saying, now_ms)
    moved = (await desk.append(conn, [(each, [raw])], now_ms))[0]
    told = Told(each.desk_id, moved.head.seq, known or event_id(moved.head.hash).bytes)
    await _fold(conn, office_id, told.dossier_id, each.device_id, moved.head.hash, raw, now_ms)
    return moved, told


async def _assigned(
    conn: AsyncConnection, desks: Sequence[Desk], office_id: bytes, body: DossierAssigned
) -> tuple[Desk, Changes]:
    await check_free(conn, office_id, body.code, None)
    if body.book is not None and await find(conn, office_id, body.book) is not None:
        raise refused_at("field-invalid", "body.book", _BOOKED)
    return await _any_working(conn, desks), {"code": canonical(body.code)}


async def _kept(conn: AsyncConnection, office_id: bytes, body: Any) -> Kept:
    """Return the dossier a body names, its row locked till the commit."""
    kept = await find(conn, office_id, body.dossier, locked=True)
    if kept is None:
        raise refused_at("dossier-unknown", "body.dossier", _UNKNOWN)
    return kept


async def _changes(conn: AsyncConnection, office_id: bytes, body: Any, kept: Kept) -> Changes:
    """Return what the server writes into a body itself; the dossier must be locked."""
    named: Changes = {"dossier": str(UUID(bytes=kept.dossier_id))}
    if isinstance(body, NumbersMapped):
        await check_free(conn, office_id, body.code, kept.dossier_id)
        return named | {"code": canonical(body.code)}
    heard = await conn.execute(
        select(func.max(journal.c.projected_seq)).where(
            journal.c.office_id == office_id,
            journal.c.device_id == kept.device_id,
            journal.c.state == "open",
        )
    )
    return named | {"heard": int(heard.scalar() or 0)}


async def remember(conn: AsyncConnection, office_id: bytes, told: Sequence[Told]) -> None:
    """Note what was told and after which position of the feed it was folded.

    Call it last in a transaction: every other writer waits here until it commits.
    """
    after = await last_position(conn)
    rows = [
        {
            "office_id": office_id,
            "desk_id": one.desk_id,
            "seq": one.seq,
            "dossier_id": one.dossier_id,
            "after_position": after,
        }
        for one in told
    ]
    await remember_at(conn, rows)


async def remember_at(conn: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Note what was told, at positions that are known."""
    if rows:
        await conn.execute(desk_told.insert(), rows)


async def told_of(conn: AsyncConnection, office_id: bytes) -> list[Past]:
    """Return what was ever told about dossiers of an office, in the order of folding.

    A second desk of a device follows the first, so those of one position go by their opening.
    """
    same_desk = (desk_journal.c.office_id == desk_told.c.office_id) & (
        desk_journal.c.desk_id == desk_told.c.desk_id
    )
    same_event = (
        (desk_event.c.office_id == desk_told.c.office_id)
        & (desk_event.c.desk_id == desk_told.c.desk_id)
        & (desk_event.c.seq == desk_told.c.seq)
    )
    rows = await conn.execute(
        select(
            desk_told.c.dossier_id,
            desk_told.c.after_position,
            desk_journal.c.device_id,
            desk_event.c.hash,
            desk_event.c.event,
            desk_event.c.at_ms,
        )
        .join(desk_journal, same_desk)
        .join(desk_event, same_event)
        .where(desk_told.c.office_id == office_id)
        .order_by(
            desk_told.c.after_position,
            desk_journal.c.opened_ms,
            desk_told.c.desk_id,
            desk_told.c.seq,
        )
    )
    return [Past._make(row) for row in rows]


async def fold_again(conn: AsyncConnection, office_id: bytes, past: Past) -> bool:
    """Fold again what was told before; return False when it cannot be, and changes nothing.

    A dossier whose events are gone, their retention over, is gone with all that was told of it. And
    what a device gave back may be anything: no desk event keeps others from being folded.
    """
    try:
        async with conn.begin_nested():
            await _fold(
                conn, office_id, past.dossier_id, past.device_id, past.hash, past.event, past.at_ms
            )
    except Exception as error:  # whatever it does to the dossier, the event is kept
        if is_transient(error) or failed_on_disk(error):
            raise  # the database itself: all of it is done again
        if not (isinstance(error, Refusal) and error.code == "dossier-unknown"):
            _log.error("desk-event-not-folded", hash=past.hash.hex(), error=type(error).__name__)
        return False
    return True


async def _fold(  # noqa: PLR0917 - whose, which, by whom, what, when
    conn: AsyncConnection,
    office_id: bytes,
    dossier_id: bytes,
    device_id: bytes,
    hash_: bytes,
    raw: bytes,
    at_ms: int,
) -> None:
    event = decode(raw)
    shelf = Dossiers(office_id)
    await shelf.lock(conn, [dossier_id])
    shelf.take(
        Telling(
            dossier_id=dossier_id,
            device_id=device_id,
            kind=event.kind,
            body=decode_body(event.kind, event.body),
            occurred_ms=parse_time(event.at),
            received_ms=at_ms,
            said=Said(hash_, event.actor),
        )
    )
    await shelf.write(conn)


def _with(saying: Saying, changes: Changes) -> Saying:
    body = msgspec.json.decode(saying.body)
    body |= {name: value for name, value in changes.items() if value is not None}
    return Saying(saying.kind, body_of(body))


async def _any_working(conn: AsyncConnection, desks: Sequence[Desk]) -> Desk:
    """Return the desk of an active device, of several the one heard last."""
    states = await _devices(conn, desks)
    working = [each for each in desks if states[each.device_id].state in WORKING]
    if not working:
        raise refused_at("device-unknown", "kind", _NO_DEVICE)

    def rank(each: Desk) -> tuple[int, int, bytes]:
        row = states[each.device_id]
        return WORKING.index(row.state), -(row.seen_ms or 0), each.desk_id

    return min(working, key=rank)


async def _keeper(conn: AsyncConnection, desks: Sequence[Desk], device_id: bytes) -> Desk:
    """Return the desk of the device that keeps a dossier."""
    states = await _devices(conn, desks)
    for each in desks:
        if each.device_id == device_id and states[device_id].state in WORKING:
            return each
    raise refused_at("device-unknown", "body.dossier", _DEVICE_GONE)


async def _devices(conn: AsyncConnection, desks: Sequence[Desk]) -> dict[bytes, _Working]:
    rows = await conn.execute(
        select(device.c.device_id, device.c.state, device.c.seen_ms).where(
            device.c.device_id.in_([each.device_id for each in desks])
        )
    )
    return {row.device_id: _Working._make(row) for row in rows}
