"""The rooms behind the door, as `agent.main` builds them, without a line."""

from random import Random

from agent.clock import Clock
from agent.journal import Journal
from agent.noticed import Noticed
from agent.status import Live, Status, StatusBoard
from agent.users import Users
from agent.web.shapes import NewUser
from records.moment import local
from records.sync_report import ClockReport
from wire.event import format_time


def make_board(journal: Journal, clock: Clock, noticed: Noticed) -> StatusBoard:
    """A status that nobody but the journal and a story changes."""

    def live() -> Live:
        broken, since = journal.broken, format_time(journal.broken_at_ms)
        return Live(
            journal.head.seq,
            journal.delivered.seq,
            journal.backlog_bytes,
            None if broken is None else (broken.code, since),
            len(noticed.items()),
        )

    first = Status(
        office="H26.107",
        name="Xã Ứng Hòa",
        province="H26",
        agent="0.1.0",
        generated_at=local(clock.now_ms()).isoformat(),
        clock=ClockReport(state="trusted"),
        line="offline",
        ready=True,
    )
    return StatusBoard(first, live)


async def make_users(journal: Journal, random: Random, users: list[tuple[str, str, str]]) -> Users:
    """Users by name, PIN and role."""
    made = Users(journal, random.randbytes)
    await made.add([NewUser(name=name, role=role, pin=pin) for name, pin, role in users])
    return made
