"""Which problems of events an answer names, so that a device hears of every one.

An answer names at most PROBLEMS_MAX. So it takes in no event beyond the one with the last problem
it can name: its receipt ends there, and the device sends on from it (docs/protocol.md section 5).
A device begins each message right behind what it was told of, so what lies between is never more
than one answer holds, however many answers were lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.first_contact import Contact
from server.judging import Judged
from server.store.tables import problem
from wire.plaintext import Problem

PROBLEMS_MAX: Final = 200


async def held(
    conn: AsyncConnection, contact: Contact, judged: Sequence[Judged]
) -> tuple[Problem, ...]:
    """Return the stored problems of a message's events that were held before, the first ones.

    A repeated message is named its problems again. At the numbers where another branch than the
    message's stands, the problems are none of its own.
    """
    place = contact.place
    if place is None or not judged:
        return ()
    first = judged[0].chained.seq
    beyond = _agreed(contact, judged) + 1
    if beyond <= first:
        return ()
    rows = await conn.execute(
        select(problem.c.seq, problem.c.code, problem.c.detail)
        .where(
            problem.c.office_id == place.office_id,
            problem.c.journal_no == place.journal_no,
            problem.c.seq >= first,
            problem.c.seq < beyond,
        )
        .order_by(problem.c.seq, problem.c.code)
        .limit(PROBLEMS_MAX)
    )
    return tuple(Problem(*row) for row in rows)


def _agreed(contact: Contact, judged: Sequence[Judged]) -> int:
    """Return the last number up to which the journal has the message's events; 0: of none."""
    if contact.verdict == "ok":
        return judged[-1].chained.seq - contact.fresh
    return contact.have or 0 if contact.verdict == "fork" else 0


def nameable(judged: Sequence[Judged], found: Sequence[Problem], room: int) -> int:
    """Return how many of these events may be taken in when `room` problems can still be named.

    `found` are their problems: all events if they fit, else those up to the last one that does.
    """
    if len(found) <= room:
        return len(judged)
    if room <= 0:
        return 0
    last = sorted(each.seq for each in found)[room - 1]
    return last - judged[0].chained.seq + 1
