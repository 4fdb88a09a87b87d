"""Whether the machine lost its power: the mark of a running daemon, and the event it leads to.

A daemon that starts marks the journal with the boot it runs in, and one that stops cleanly takes
the mark away: also when systemd stops it because the machine goes down in order. A mark of another
boot is left when the machine went down without asking. A daemon that was killed alone finds its
own boot's mark and says nothing.
"""

from datetime import datetime
from typing import Final

from agent.clock import Clock
from agent.journal import Journal, Transaction
from agent.journal.backup import RUNNING_BOOT
from agent.service import Service
from records.decision import NewEvent
from records.moment import Moment
from records.office_events import PowerLost

KIND: Final = "power.lost"
ACTOR: Final = "device:agent"


async def begin(journal: Journal, service: Service, clock: Clock) -> bool:
    """Set the mark; record a loss where another boot's stands. Returns whether there was one.

    Before enrolment there is nothing to record it in. Raises Refusal of the journal.
    """
    boot, moment = clock.boot_id.decode("ascii"), Moment(clock.now_ms(), clock.state())

    def job(transaction: Transaction) -> bool:
        held = transaction.get_meta(RUNNING_BOOT)
        lost = held not in {None, boot}
        if lost and transaction.identity is not None:
            last_at = transaction.marks.latest_at
            body = PowerLost(last_at=datetime.fromisoformat(last_at) if last_at else None)
            service.append(transaction, NewEvent(KIND, None, body), ACTOR, moment)
        transaction.set_meta(RUNNING_BOOT, boot)
        return lost

    return await journal.write(job)


async def end(journal: Journal) -> None:
    """Take the mark away. Raises Refusal of the journal."""

    def job(transaction: Transaction) -> None:
        transaction.conn.execute("DELETE FROM meta WHERE key = ?", (RUNNING_BOOT,))

    await journal.write(job)
