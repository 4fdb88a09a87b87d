"""What the province says to many offices: orders, catalogue, calendar, notices.

Everything published is judged first, all or nothing, then appended to the desk journal of each
device and kept as the present state, so that a desk opened later begins with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Raw, Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records import reading
from records.calendar import CalendarSet
from records.catalogue import Procedure
from records.desk_events import (
    DESK_BODIES,
    ChecklistSet,
    NoticePublished,
    OfficeProfile,
    PolicyRevoked,
    PolicySet,
    UserSet,
)
from records.events import decode_body
from server import desk, offices
from server.context import ServerContext
from server.desk import Desk, Saying
from server.store.tables import PROVINCE, publication
from wire.event import body_of, format_time
from wire.foreign import read_json
from wire.ijson import nfc
from wire.problems import FieldError, Malformed, Refusal
from wire.texts import Text

# Written by the server itself, each for one journal; publishing them by hand would break a promise.
OWN_KINDS = frozenset({"numbers.leased", "desk.opened", "event.rejected", "successor.named"})


class Published(Struct, frozen=True):
    """How many desk events were appended, and each desk's new head by (office_id, desk_id)."""

    published: int
    desk_seq: Mapping[tuple[bytes, bytes], int]


class Refused(Exception):  # noqa: N818 - a judgement on a file
    """Nothing was published: `refusals` names each bad item by its place, from 0."""

    def __init__(self, refusals: Mapping[int, Refusal]) -> None:
        self.refusals = refusals
        super().__init__(f"{len(refusals)} items cannot be published")


class _Judged(Struct, frozen=True):
    """An item that may be said, and its typed body."""

    saying: Saying
    body: Struct


def judge(kind: str, body: bytes) -> tuple[Saying, Struct]:
    """Return what is to be said, checked: a kind of the desk, a body that fits, no unknown field.

    Raises Refusal type-unknown, not-json, field-invalid, field-missing or field-unknown.
    """
    if kind not in DESK_BODIES or kind in OWN_KINDS:
        raise Refusal("type-unknown", Text(vi=f"Loại: {kind}", en=f"Kind: {kind}"))
    try:
        value: Any = nfc(read_json(body, object))
    except Malformed as error:
        raise Refusal("not-json", str(error)) from error
    errors: list[FieldError] = []
    reading.read(value, reading.info_of(DESK_BODIES[kind]), "body", errors)
    if errors:
        raise Refusal(errors[0].code, errors=errors)
    raw = body_of(value)
    return Saying(kind, raw), decode_body(kind, raw)


async def publish(
    ctx: ServerContext, office_ids: Sequence[bytes] | None, items: Sequence[tuple[str, bytes]]
) -> Published:
    """Say `items` (kind, JSON body) to these offices (None: all), durably, all or nothing.

    Raises Refused when an item cannot be said, Refusal office-unknown.
    """
    now_ms = ctx.now_ms()
    judged = _judge_all(items)
    async with ctx.store.write() as conn:
        chosen = [office.office_id for office in await offices.by_ids(conn, office_ids)]
        scopes = [PROVINCE] if office_ids is None else chosen
        await _check_fields(conn, chosen, judged)
        await _keep(conn, scopes, judged, now_ms)
        written = [desk.write(item.saying, now_ms) for item in judged]
        desks = await desk.open_desks(conn, chosen)
        moved = await desk.append(conn, [(each, written) for each in desks], now_ms)
    heads = {(each.office_id, each.desk_id): each.head.seq for each in moved}
    return Published(len(written) * len(moved), heads)


async def tell(
    conn: AsyncConnection, office_id: bytes, kind: str, body: bytes, now_ms: int
) -> None:
    """Say one thing to one office inside the caller's transaction, its row locked or just made."""
    judged = [_Judged(*judge(kind, body))]
    await _keep(conn, [office_id], judged, now_ms)
    written = [desk.write(item.saying, now_ms) for item in judged]
    desks = await desk.open_desks(conn, [office_id])
    await desk.append(conn, [(each, written) for each in desks], now_ms)


def _judge_all(items: Sequence[tuple[str, bytes]]) -> list[_Judged]:
    judged: list[_Judged] = []
    refusals: dict[int, Refusal] = {}
    for place, (kind, body) in enumerate(items):
        try:
            judged.append(_Judged(*judge(kind, body)))
        except Refusal as refusal:
            refusals[place] = refusal
        except Malformed as error:
            refusals[place] = Refusal("event-malformed", str(error))
    if refusals:
        raise Refused(refusals)
    return judged


async def _check_fields(
    conn: AsyncConnection, office_ids: Sequence[bytes], judged: Sequence[_Judged]
) -> None:
    """Refuse an order that exempts a field the catalogue does not have."""
    named = {
        (place, field)
        for place, item in enumerate(judged)
        if isinstance(item.body, PolicySet) and item.body.direct_intake
        for field in item.body.direct_intake.except_fields
    }
    if not named:
        return
    rows = await conn.execute(
        select(publication.c.body).where(
            publication.c.office_id.in_([PROVINCE, *office_ids]),
            publication.c.kind == "procedure.set",
        )
    )
    known = {msgspec.json.decode(body, type=Procedure).field for (body,) in rows}
    known |= {item.body.field for item in judged if isinstance(item.body, Procedure)}
    wrong = {place: field for place, field in sorted(named) if field not in known}
    if wrong:
        listed = ", ".join(sorted(set(wrong.values())))
        text = Text(
            vi=f"Danh mục không có lĩnh vực: {listed}", en=f"The catalogue has no field: {listed}"
        )
        error = FieldError("body.direct_intake.except_fields", "field-invalid", text)
        raise Refused({place: Refusal("field-invalid", text, [error]) for place in wrong})


# The name under which the newest replaces the one before; "" when all of them still count.
_NAMES: Mapping[type[Struct], Callable[[Struct], str]] = MappingProxyType(
    {
        Procedure: lambda body: getattr(body, "code", ""),
        UserSet: lambda body: getattr(body, "name", ""),
        ChecklistSet: lambda body: getattr(body, "checklist", ""),
        PolicyRevoked: lambda body: getattr(body, "order", ""),
        PolicySet: lambda _body: "",
        CalendarSet: lambda _body: "",
        NoticePublished: lambda _body: "",
        OfficeProfile: lambda _body: "",
    }
)


async def _keep(
    conn: AsyncConnection, scopes: Sequence[bytes], judged: Sequence[_Judged], now_ms: int
) -> None:
    highest = await conn.execute(select(func.max(publication.c.ordinal)))
    ordinal = int(highest.scalar() or 0)
    rows: dict[tuple[bytes, str, str], dict[str, object]] = {}
    for item in judged:
        name_of = _NAMES.get(type(item.body))
        if name_of is None:
            continue  # a message about one dossier is history, not state
        ordinal += 1
        name = name_of(item.body) or f"#{ordinal}"
        for scope in scopes:
            rows[scope, item.saying.kind, name] = {
                "office_id": scope,
                "kind": item.saying.kind,
                "name": name,
                "body": bytes(item.saying.body),
                "ordinal": ordinal,
                "at_ms": now_ms,
            }
    for scope, kind, name in rows:
        await conn.execute(
            publication.delete().where(
                publication.c.office_id == scope,
                publication.c.kind == kind,
                publication.c.name == name,
            )
        )
    if rows:
        await conn.execute(publication.insert(), list(rows.values()))


async def present_state(conn: AsyncConnection, office_id: bytes, now_ms: int) -> list[Saying]:
    """Return what a desk of this office begins with, oldest first. The office must be locked."""
    rows = await conn.execute(
        select(publication.c.kind, publication.c.body)
        .where(publication.c.office_id.in_([PROVINCE, office_id]))
        .order_by(publication.c.ordinal)
    )
    today = format_time(now_ms)[:10]
    return [Saying(row.kind, Raw(row.body)) for row in rows if not _over(row.kind, row.body, today)]


def _over(kind: str, body: bytes, today: str) -> bool:
    if kind != "notice.published":
        return False
    until = msgspec.json.decode(body, type=NoticePublished).until
    return until is not None and until.isoformat() < today


async def begin(conn: AsyncConnection, each: Desk, now_ms: int) -> Desk:
    """Append the present state to a new desk and return it with its new head."""
    said = await present_state(conn, each.office_id, now_ms)
    moved = await desk.append(conn, [(each, [desk.write(item, now_ms) for item in said])], now_ms)
    return moved[0]
