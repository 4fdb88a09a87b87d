"""Ending the visits that nobody ended, two hours after their day's closing (docs/domain.md)."""

from typing import Final

from agent.clock import Clock
from agent.journal import Journal, Transaction
from agent.service import Service
from agent.views import numbers, visit_rows
from agent.views.projector import Views
from records import visits as rules
from records.decision import NewEvent
from records.moment import Moment

ACTOR: Final = "device:agent"
VISITS_AT_ONCE: Final = 200
"""Ended in one transaction; the rest waits for the next round."""


async def end_days(journal: Journal, views: Views, service: Service, clock: Clock) -> int:
    """End every open visit whose day is over; return how many. Only a trusted clock may say so."""
    if views.stale or journal.identity is None or clock.state() != "trusted":
        return 0
    moment = Moment(clock.now_ms(), "trusted")

    def job(transaction: Transaction) -> int:
        calendar = numbers.calendar(transaction.conn)
        ended = 0
        for found in visit_rows.inside(transaction.conn, limit=VISITS_AT_ONCE):
            body = rules.day_end(found.visit, moment.now_ms, calendar)
            if body is None or found.first.journal != transaction.marks.office:
                continue
            new = NewEvent("visit.ended", found.first.seq, body, retained=True)
            service.append(transaction, new, ACTOR, moment)
            ended += 1
        return ended

    return await journal.write(job)
