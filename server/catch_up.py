"""Projecting what was stored before it might be: the events of a device approved later.

And of one whose desk journal this province had lost: its events may tell of dossiers that stand in
there, so they wait until it is back.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.arrival import When
from server.context import Projector
from server.ingest import project_into
from server.judging import judge
from server.places import Place
from server.store.tables import event, journal
from wire.block import ChainedEvent, Gone
from wire.chain import event_digest

BATCH_EVENTS = 1_000


async def project_rest(
    conn: AsyncConnection, project: Projector, place: Place, until: int | None = None
) -> Place:
    """Project the events of a journal (locked) that the projections do not have yet.

    Only those up to number `until`, if that is given. Returns the place as it is then.
    """
    done = place.projected_seq
    end = place.head.seq if until is None else min(until, place.head.seq)
    while done < end:
        rows = (
            await conn.execute(
                select(event)
                .where(
                    event.c.office_id == place.office_id,
                    event.c.journal_no == place.journal_no,
                    event.c.seq > done,
                    event.c.seq <= end,
                )
                .order_by(event.c.seq)
                .limit(BATCH_EVENTS)
            )
        ).all()
        judged = [judge(chained(row)) for row in rows]
        times = [When(row.occurred_ms, row.clock) for row in rows]
        await project_into(conn, project, place, judged, times, rows[0].received_ms)
        done = rows[-1].seq
    await conn.execute(journal.update().where(place.row).values(projected_seq=done))
    return msgspec.structs.replace(place, projected_seq=done)


def chained(row: object) -> ChainedEvent:
    """Return a row of the table `event` as the chain has it."""
    seq, hash_, raw = row.seq, row.hash, row.event  # type: ignore[attr-defined]
    if raw is None:
        gone = Gone(seq, row.digest, row.day, row.kind, row.channel)  # type: ignore[attr-defined]
        return ChainedEvent(seq, None, gone.digest, hash_, gone)
    return ChainedEvent(seq, raw, event_digest(raw), hash_, None)
