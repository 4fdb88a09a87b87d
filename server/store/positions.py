"""The feed's order: positions handed out so late that no reader can pass a commit.

One row tells of one batch: positions `first_position` … `+ count - 1` are the events `first_seq`
… of one journal. The counter's row stays locked from `assign` until the transaction ends, so a
position is visible only when all smaller ones are.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import ColumnElement, case, func, select
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


async def last_position(conn: AsyncConnection) -> int:
    """Return the last position given, and keep it the last until the transaction ends.

    Call it last in a transaction, as `assign`.
    """
    counter = select(feed_counter.c.next_position).where(feed_counter.c.office_id == PROVINCE)
    return int((await conn.execute(counter.with_for_update())).scalar_one()) - 1


async def read_feed(conn: AsyncConnection, after: int, limit: int) -> list[FeedEvent]:
    """Return up to `limit` events behind position `after` (0: from the start), in order.

    One statement, in however many batches they came. Positions have no holes, so those wanted are
    known beforehand, and of each batch only its part of them is read.
    """
    last = after + limit
    shift = feed.c.first_seq - feed.c.first_position  # a number less its position, in one batch
    first_seq = case((feed.c.first_position > after, feed.c.first_seq), else_=shift + after + 1)
    batch_last = feed.c.first_position + feed.c.events - 1
    last_seq = shift + case((batch_last < last, batch_last), else_=last)
    batch = (event.c.office_id == feed.c.office_id) & (event.c.journal_no == feed.c.journal_no)
    same = (journal.c.office_id == event.c.office_id) & (journal.c.journal_no == event.c.journal_no)
    rows = await conn.execute(
        select(
            (event.c.seq - shift).label("position"),
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
        .select_from(feed)
        .join(event, batch & (event.c.seq >= first_seq) & (event.c.seq <= last_seq))
        .join(journal, same)
        .where(feed.c.first_position >= _batch_of(after + 1), feed.c.first_position <= last)
        .order_by(feed.c.first_position, event.c.seq)
    )
    return [FeedEvent._make(row) for row in rows]


def _batch_of(position: int) -> ColumnElement[int]:
    """Return where the batch begins that holds a position; 0 when there is none so early."""
    begins = feed.alias("before").c.first_position
    found = select(func.max(begins)).where(begins <= position).scalar_subquery()
    return func.coalesce(found, 0)
