"""Making the views anew from the journal: dropped, then replayed by position.

Each batch is a transaction of its own, and `view.pos` says how far it came, so that a rebuild that
was interrupted goes on at the next start. While it is not done, the views are stale: recording
that needs them is refused, everything else goes on.
"""

from collections.abc import Callable
from typing import Final

from agent.journal import Journal
from agent.journal.database import Connection
from agent.journal.identity import Identity
from agent.journal.projector import DeliveredRow
from agent.journal.transaction import Transaction
from agent.views import stored, tally
from agent.views.projector import VIEW, Views, create, reached
from agent.views.tables import TABLES, VERSION

BATCH_EVENTS: Final = 2000
"""Events replayed in one transaction: a second of a small box's time, a few MB of its memory."""


def start(connection: Connection, views: Views) -> None:
    """Drop everything and begin at the first event."""
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    for (name,) in names:
        if name in TABLES:
            connection.execute(f"DROP TABLE {name}")
    create(connection)
    connection.execute(
        "INSERT OR REPLACE INTO view(name, version, pos) VALUES (?, ?, 0)", (VIEW, VERSION)
    )
    views.undone()
    views.desk_changes += 1
    views.stale = True


def replay(connection: Connection, views: Views, identity: Identity | None) -> int | None:
    """Replay one batch; return the position reached, None when the views are whole again.

    That they are whole is believed only in a later transaction than the one that made them so:
    its COMMIT may fail.
    """
    (version,) = connection.execute("SELECT version FROM view WHERE name = ?", (VIEW,)).fetchone()
    if version != VERSION:
        start(connection, views)
    position = reached(connection)
    if position is None:
        views.stale = False
        return None
    events = stored.between(connection, position, BATCH_EVENTS)
    if not events:
        connection.execute("UPDATE view SET pos = NULL WHERE name = ?", (VIEW,))
        return position
    delivered = _delivered(connection)
    told: list[DeliveredRow] = []
    for event in events:
        read = stored.read(event)
        if read is not None:
            views.project(connection, read)
        if event.seq <= delivered.get(event.journal, 0):
            told.append(DeliveredRow(event.pos, event.seq, event.hash, event.data))
    if identity is not None and told:
        tally.follow(connection, identity, told, 1)
    connection.execute("UPDATE view SET pos = ? WHERE name = ?", (events[-1].pos, VIEW))
    return events[-1].pos


def _delivered(connection: Connection) -> dict[int, int]:
    """Up to where the open office journal is delivered: the bookkeeping is of that one alone."""
    return dict(
        connection.execute(
            "SELECT journal, max(seq) FROM delivered JOIN journal ON no = journal"
            " WHERE state = 'open' GROUP BY journal"
        )
    )


async def rebuild(
    journal: Journal,
    views: Views,
    progress: Callable[[int], None],
    *,
    anew: bool = True,
) -> None:
    """Rebuild through the journal's writer, one batch a transaction, beside everything else.

    `progress` is told the position reached. With `anew` false only an
    unfinished rebuild, or one that another version of the tables asks for, is done.
    """
    if anew:
        await journal.write(lambda transaction: start(transaction.conn, views))

    def batch(transaction: Transaction) -> int | None:
        return replay(transaction.conn, views, journal.identity)

    while (position := await journal.write(batch)) is not None:
        progress(position)
