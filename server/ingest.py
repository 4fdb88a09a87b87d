"""Take judged events into a journal: rows, problems, bookkeeping, projections, feed.

Everything happens in the caller's transaction, with a few statements a batch and none an event.
The caller holds the lock on the journal's row and has compared what was already held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from traceback import extract_tb
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.arrival import Corrections, When, when
from server.context import Projector
from server.day_tally import Tally, keep
from server.judging import Judged
from server.places import Place
from server.store.again import failed_on_disk
from server.store.positions import assign
from server.store.tables import event as event_table
from server.store.tables import journal as journal_table
from server.store.tables import problem as problem_table
from server.store.transient import is_transient
from server.stored import StoredEvent
from wire.chain import event_id
from wire.digests import event_mark
from wire.plaintext import Problem

IN_MAX = 500  # values in one IN list


async def append(
    conn: AsyncConnection,
    place: Place,
    judged: Sequence[Judged],
    corrections: Corrections,
    now_ms: int,
    *,
    projected: bool,
) -> list[When]:
    """Store events that follow the head of `place`; return when each happened.

    Rows, problems of poison, the day tally and the journal's head are written; `projected` says
    that `project_into` follows in the same transaction.
    """
    times = [when(item.event, item.at_ms, corrections) for item in judged]
    tally = Tally()
    for item in judged:
        mark = event_mark(place.device_id, place.journal_id, item.chained.seq, item.chained.hash)
        tally.add((item.day, item.kind, item.channel), mark)
    await conn.execute(event_table.insert(), list(_rows(place, judged, times, now_ms)))
    await keep_problems(conn, place, poison_of(judged), now_ms)
    await keep(conn, place.office_id, place.journal_no, tally)
    last = judged[-1].chained
    values = {"head_seq": last.seq, "head_hash": last.hash, "received_ms": now_ms}
    if projected:
        values["projected_seq"] = last.seq
    await conn.execute(journal_table.update().where(place.row).values(values))
    return times


def poison_of(judged: Sequence[Judged]) -> list[Problem]:
    """Return the problems of the events that cannot be used as they are."""
    return [Problem(item.chained.seq, item.poison, item.detail) for item in judged if item.poison]


def _rows(
    place: Place, judged: Sequence[Judged], times: Sequence[When], now_ms: int
) -> Iterator[Mapping[str, Any]]:
    for item, time in zip(judged, times, strict=True):
        chained = item.chained
        yield {
            "office_id": place.office_id,
            "journal_no": place.journal_no,
            "seq": chained.seq,
            "hash": chained.hash,
            "event": chained.event,
            "digest": chained.digest if chained.event is None else None,
            "day": item.day,
            "kind": item.kind,
            "channel": item.channel,
            "poison": item.poison,
            "occurred_ms": time.occurred_ms,
            "clock": time.clock,
            "received_ms": now_ms,
        }


async def keep_problems(
    conn: AsyncConnection, place: Place, problems: Sequence[Problem], now_ms: int
) -> None:
    """Store problems of a journal's events; one that is there already stays."""
    if not problems:
        return
    unique = {(found.seq, found.code): found for found in problems}
    held = await conn.execute(
        select(problem_table.c.seq, problem_table.c.code).where(
            problem_table.c.office_id == place.office_id,
            problem_table.c.journal_no == place.journal_no,
            problem_table.c.seq >= min(found.seq for found in problems),
            problem_table.c.seq <= max(found.seq for found in problems),
        )
    )
    for row in held:
        unique.pop((row.seq, row.code), None)
    if unique:
        rows = [
            {
                "office_id": place.office_id,
                "journal_no": place.journal_no,
                "seq": found.seq,
                "code": found.code,
                "detail": found.detail,
                "at_ms": now_ms,
            }
            for found in unique.values()
        ]
        await conn.execute(problem_table.insert(), rows)


async def project_into(  # noqa: PLR0917 - one batch and where it goes
    conn: AsyncConnection,
    project: Projector,
    place: Place,
    judged: Sequence[Judged],
    times: Sequence[When],
    now_ms: int,
) -> list[Problem]:
    """Hand a stored batch to the projections, give it its places in the feed, return problems."""
    events = await stored_events(conn, place, judged, times, now_ms)
    problems = await projected(conn, project, place, events)
    await keep_problems(conn, place, problems, now_ms)
    await assign(conn, place.office_id, place.journal_no, judged[0].chained.seq, len(judged))
    return problems


async def projected(
    conn: AsyncConnection, project: Projector, place: Place, events: Sequence[StoredEvent]
) -> list[Problem]:
    """Project a batch; a fault in a projection is a problem of its events, never of the batch."""
    if not events:
        return []
    try:
        async with conn.begin_nested():
            return await project(conn, place.office_id, events)
    except Exception as error:  # whatever a projection does, the event stays
        if is_transient(error) or failed_on_disk(error):
            raise  # the database itself: nothing was taken in, the office sends again
        where = extract_tb(error.__traceback__)[-1]
        detail = f"{type(error).__name__} in {where.name}, line {where.lineno}"
        return [Problem(event.seq, "projection-failed", detail) for event in events]


async def stored_events(
    conn: AsyncConnection,
    place: Place,
    judged: Sequence[Judged],
    times: Sequence[When],
    now_ms: int,
) -> list[StoredEvent]:
    """Return the events of a stored batch that can be projected, their subjects as ids."""
    hashes = {item.chained.seq: item.chained.hash for item in judged}
    wanted = {
        item.event.subject
        for item in judged
        if item.event is not None and isinstance(item.event.subject, int)
    } - hashes.keys()
    hashes |= await hashes_at(conn, place.office_id, place.journal_no, sorted(wanted))
    found = []
    for item, time in zip(judged, times, strict=True):
        chained, event = item.chained, item.event
        if item.poison or event is None or chained.event is None or time.occurred_ms is None:
            continue
        own_id = event_id(chained.hash)
        subject = event.subject
        found.append(
            StoredEvent(
                office_id=place.office_id,
                device_id=place.device_id,
                journal_id=place.journal_id,
                journal_no=place.journal_no,
                seq=chained.seq,
                hash=chained.hash,
                id=own_id,
                subject=own_id
                if subject is None
                else UUID(subject)
                if isinstance(subject, str)
                else event_id(hashes[subject]),
                kind=event.kind,
                at=event.at,
                occurred_ms=time.occurred_ms,
                clock=time.clock,
                received_ms=now_ms,
                event=event,
                body=item.body,
                raw=chained.event,
            )
        )
    return found


async def hashes_at(
    conn: AsyncConnection, office_id: bytes, journal_no: int, seqs: Sequence[int]
) -> dict[int, bytes]:
    """Return hash(seq) of the events among `seqs` that a journal holds."""
    found: dict[int, bytes] = {}
    for start in range(0, len(seqs), IN_MAX):
        rows = await conn.execute(
            select(event_table.c.seq, event_table.c.hash).where(
                event_table.c.office_id == office_id,
                event_table.c.journal_no == journal_no,
                event_table.c.seq.in_(seqs[start : start + IN_MAX]),
            )
        )
        found |= {row.seq: row.hash for row in rows}
    return found
