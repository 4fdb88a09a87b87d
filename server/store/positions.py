"""The feed's order: positions handed out so late that no reader can pass a commit.

One row tells of one batch: positions `first_position` … `+ count - 1` are the events `first_seq`
… of one journal. The counter's row stays locked from `assign` until the transaction ends, so a
position is visible only when all smaller ones are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store.tables import PROVINCE, event, feed, feed_counter, journal


class FeedEvent(NamedTuple):
    """One event as the feed shows it. `event` is None when its retention is over.

    `poison` is the code of the problem it has; such bytes may be no JSON at all.
    """

    position: int
    office_id: bytes
    device_id: bytes
    journal_id: bytes
    journal_no: int
    seq: int
    hash: bytes
    event: bytes | None
    kind: str | None
    poison: str | None
    occurred_ms: int | None
    clock: str
    received_ms: int


async def assign(
    conn: AsyncConnection, office_id: bytes, journal_no: int, first_seq: int, count: int
) -> int:
    """Give the next `count` positions to a batch and return the first.

    Call it last in a transaction: every other writer waits here until it commits.
    """
    taken = await conn.execute(
        feed_counter.update()
        .where(feed_counter.c.office_id == PROVINCE)
        .values(next_position=feed_counter.c.next_position + count)
        .returning(feed_counter.c.next_position)
    )
    after = taken.scalar_one()
    await conn.execute(
        feed.insert().values(
            office_id=office_id,
            first_position=after - count,
            events=count,
            journal_no=journal_no,
            first_seq=first_seq,
        )
    )
    return int(after - count)


async def read_feed(conn: AsyncConnection, after: int, limit: int) -> list[FeedEvent]:
    """Return up to `limit` events behind position `after` (0: from the start), in order."""
    batches = (
        await conn.execute(
            select(feed)
            .where(feed.c.first_position + feed.c.events > after + 1)
            .where(feed.c.first_position >= await _batch_start(conn, after))
            .order_by(feed.c.first_position)
            .limit(limit)
        )
    ).all()
    found: list[FeedEvent] = []
    for batch in batches:
        if len(found) >= limit:
            break
        skip = max(0, after + 1 - batch.first_position)
        count = min(batch.events - skip, limit - len(found))
        first = batch.first_seq + skip
        found += await _events(conn, batch, first, count)
    return found


async def _batch_start(conn: AsyncConnection, after: int) -> int:
    start = await conn.execute(
        select(func.max(feed.c.first_position)).where(feed.c.first_position <= after + 1)
    )
    return start.scalar_one() or 0


async def _events(
    conn: AsyncConnection, batch: Row[Any], first: int, count: int
) -> list[FeedEvent]:
    shift = batch.first_position - batch.first_seq
    same = (journal.c.office_id == event.c.office_id) & (journal.c.journal_no == event.c.journal_no)
    rows = await conn.execute(
        select(
            (event.c.seq + shift).label("position"),
            event.c.office_id,
            journal.c.device_id,
            journal.c.journal_id,
            event.c.journal_no,
            event.c.seq,
            event.c.hash,
            event.c.event,
            event.c.kind,
            event.c.poison,
            event.c.occurred_ms,
            event.c.clock,
            event.c.received_ms,
        )
        .join(journal, same)
        .where(event.c.office_id == batch.office_id, event.c.journal_no == batch.journal_no)
        .where(event.c.seq >= first, event.c.seq < first + count)
        .order_by(event.c.seq)
    )
    return [FeedEvent._make(row) for row in rows]
