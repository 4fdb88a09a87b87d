"""What the province says to its offices: orders, catalogue, calendar, notices, single dossiers.

Everything published is judged first, all or nothing, then appended to the desk journal of each
device and kept as the present state, so that a desk opened later begins with it. What tells of one
dossier goes to one device of one office (`server.desk_dossiers`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType

import msgspec
from msgspec import Raw, Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.calendar import CalendarSet
from records.catalogue import Procedure
from records.desk_events import (
    ChecklistSet,
    NoticePublished,
    OfficeProfile,
    PolicyRevoked,
    PolicySet,
    UserSet,
)
from server import desk, desk_dossiers, offices
from server.context import ServerContext
from server.desk import Desk, Saying
from server.sayings import ABOUT_DOSSIER, Judged, Refused, judge, judge_all
from server.store.tables import PROVINCE, publication
from wire.event import format_time
from wire.problems import FieldError, Refusal
from wire.texts import Text

_ONE_OFFICE = Text(
    vi="Tin về một hồ sơ chỉ gửi cho một đơn vị: ghi --office CODE đúng một lần.",
    en="What tells of one dossier is for one office: give --office CODE exactly once.",
)


class Published(Struct, frozen=True):
    """How many desk events were appended, and their desks' new heads by (office_id, desk_id)."""

    published: int
    desk_seq: Mapping[tuple[bytes, bytes], int]


async def publish(
    ctx: ServerContext, office_ids: Sequence[bytes] | None, items: Sequence[tuple[str, bytes]]
) -> Published:
    """Say `items` (kind, JSON body) to these offices (None: all), durably, all or nothing.

    Raises Refused when an item cannot be said, Refusal office-unknown.
    """
    now_ms = ctx.now_ms()
    judged = judge_all(items)
    async with ctx.store.write() as conn:
        chosen = [office.office_id for office in await offices.by_ids(conn, office_ids)]
        scopes = [PROVINCE] if office_ids is None else chosen
        await _check(conn, scopes, chosen, judged)
        await _keep(conn, scopes, judged, now_ms)
        return await _say(conn, await desk.open_desks(conn, chosen), chosen, judged, now_ms)


async def tell(
    conn: AsyncConnection, office_id: bytes, kind: str, body: bytes, now_ms: int
) -> None:
    """Say one thing to one office inside the caller's transaction, its row locked or just made."""
    judged = [judge(kind, body)]
    await _keep(conn, [office_id], judged, now_ms)
    await _say(conn, await desk.open_desks(conn, [office_id]), [office_id], judged, now_ms)


async def stand_again(
    conn: AsyncConnection, office_id: bytes, kind: str, body: bytes, said_ms: int
) -> None:
    """Keep as present state of one office what it was told before this province was restored.

    It is not said here: the office has it. What was published later, or the same, stands as it
    is. Raises Refusal or Malformed as `sayings.judge`.
    """
    item = judge(kind, body)
    name_of = _NAMES.get(type(item.body))
    name = "" if name_of is None else name_of(item.body)
    standing = select(publication.c.body).where(
        publication.c.office_id.in_([PROVINCE, office_id]),
        publication.c.kind == kind,
        publication.c.name == name if name else publication.c.name.startswith("#"),
        (publication.c.at_ms > said_ms) | (publication.c.body == bytes(item.saying.body)),
    )
    if (await conn.execute(standing.limit(1))).first() is None:
        await _keep(conn, [office_id], [item], said_ms)


async def _say(
    conn: AsyncConnection,
    desks: Sequence[Desk],
    office_ids: Sequence[bytes],
    judged: Sequence[Judged],
    now_ms: int,
) -> Published:
    """Append everything in its order: to every desk, or to the one it is for."""
    now = {each.desk_id: each for each in desks}
    moved: dict[tuple[bytes, bytes], int] = {}
    told: list[desk_dossiers.Told] = []
    refusals: dict[int, Refusal] = {}
    count = 0

    def has_moved(each: Desk) -> None:
        now[each.desk_id] = each
        moved[each.office_id, each.desk_id] = each.head.seq

    for private, run in groupby(enumerate(judged), lambda placed: _is_private(placed[1])):
        if not private:
            written = [desk.write(item.saying, now_ms) for _, item in run]
            for each in await desk.append(conn, [(each, written) for each in now.values()], now_ms):
                has_moved(each)
                count += len(written)
            continue
        for place, item in run:
            try:
                each, one = await desk_dossiers.tell(
                    conn, list(now.values()), office_ids[0], item, now_ms
                )
            except Refusal as refusal:
                refusals[place] = refusal
            else:
                has_moved(each)
                told.append(one)
    if refusals:
        raise Refused(refusals)
    if told:
        await desk_dossiers.remember(conn, office_ids[0], told)
    return Published(count + len(told), moved)


def _is_private(item: Judged) -> bool:
    return item.saying.kind in ABOUT_DOSSIER


async def _check(
    conn: AsyncConnection,
    scopes: Sequence[bytes],
    office_ids: Sequence[bytes],
    judged: Sequence[Judged],
) -> None:
    """Refuse what does not fit to whom it is said, or to what was said before."""
    refusals = await _wrong_orders(conn, office_ids, judged)
    refusals |= await _wrong_fields(conn, office_ids, judged)
    if PROVINCE in scopes or len(office_ids) != 1:
        refusals |= {
            place: _wrong("kind", _ONE_OFFICE)
            for place, item in enumerate(judged)
            if _is_private(item)
        }
    if refusals:
        raise Refused(refusals)


def _wrong(path: str, text: Text) -> Refusal:
    return Refusal("field-invalid", text, [FieldError(path, "field-invalid", text)])


async def _wrong_fields(
    conn: AsyncConnection, office_ids: Sequence[bytes], judged: Sequence[Judged]
) -> dict[int, Refusal]:
    """Return the orders that exempt a field the catalogue does not have, by place."""
    named = {
        (place, field)
        for place, item in enumerate(judged)
        if isinstance(item.body, PolicySet) and item.body.direct_intake
        for field in item.body.direct_intake.except_fields
    }
    if not named:
        return {}
    bodies = await _published(conn, office_ids, "procedure.set")
    known = {msgspec.json.decode(body, type=Procedure).field for body in bodies}
    known |= {item.body.field for item in judged if isinstance(item.body, Procedure)}
    wrong = {place: field for place, field in sorted(named) if field not in known}
    listed = ", ".join(sorted(set(wrong.values())))
    text = Text(
        vi=f"Danh mục không có lĩnh vực: {listed}", en=f"The catalogue has no field: {listed}"
    )
    return {place: _wrong("body.direct_intake.except_fields", text) for place in wrong}


async def _wrong_orders(
    conn: AsyncConnection, office_ids: Sequence[bytes], judged: Sequence[Judged]
) -> dict[int, Refusal]:
    """Return the revocations of orders that nobody issued, by place."""
    if not any(isinstance(item.body, PolicyRevoked) for item in judged):
        return {}
    bodies = await _published(conn, office_ids, "policy.set")
    known = {msgspec.json.decode(body, type=PolicySet).order for body in bodies}
    refusals = {}
    for place, item in enumerate(judged):
        if isinstance(item.body, PolicySet):
            known.add(item.body.order)
        elif isinstance(item.body, PolicyRevoked) and item.body.order not in known:
            order = item.body.order
            text = Text(
                vi=f"Chưa có chỉ đạo nào số “{order}”.", en=f"No order “{order}” was ever issued."
            )
            refusals[place] = _wrong("body.order", text)
    return refusals


async def _published(
    conn: AsyncConnection, office_ids: Sequence[bytes], kind: str
) -> Sequence[bytes]:
    rows = await conn.execute(
        select(publication.c.body).where(
            publication.c.office_id.in_([PROVINCE, *office_ids]), publication.c.kind == kind
        )
    )
    return rows.scalars().all()


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
    conn: AsyncConnection, scopes: Sequence[bytes], judged: Sequence[Judged], now_ms: int
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
