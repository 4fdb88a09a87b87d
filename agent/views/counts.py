"""Counts a page shows without counting: how many of what happened on a day."""

from datetime import date, timedelta
from typing import Final, NamedTuple

from agent.journal.database import Connection
from agent.views.dossier_rows import day_number
from agent.views.tables import OPEN_STATES
from records.moment import local, office_day, to_ms

RECEIVED: Final = 0
RETURNED: Final = 1
POWER_LOST: Final = 2

BUSIEST_DAYS: Final = 10
"""docs/domain.md "Number": less left than the busiest of the last ten days took warns."""

DAY_S: Final = 86_400
# The limit is spelled out: a partial index is not used for a bound value.
DUE: Final = (
    f"SELECT count(*) FROM dossier WHERE state <= {OPEN_STATES}"  # noqa: S608
    " AND due_s IS NOT NULL AND due_s >= ? AND due_s < ?"
)


class Today(NamedTuple):
    """What the first page counts: of today, and of what is open now."""

    received: int
    returned: int
    due: int
    """Open dossiers promised for today, whatever the hour."""
    overdue: int
    """Open dossiers promised for an earlier date (records.due.is_overdue)."""
    inside: int


def add(connection: Connection, at_ms: int, what: int) -> None:
    """Count one more of `what` on the day of `at_ms`."""
    connection.execute(
        "INSERT INTO day_count VALUES (?, ?, 1)"
        " ON CONFLICT (day, what) DO UPDATE SET count = count + 1",
        (day_number(office_day(at_ms)), what),
    )


def today(connection: Connection, now_ms: int) -> Today:
    """Count for the day of `now_ms`."""
    day = office_day(now_ms)
    counted = dict(
        connection.execute("SELECT what, count FROM day_count WHERE day = ?", (day_number(day),))
    )
    start = local(now_ms).replace(hour=0, minute=0, second=0, microsecond=0)
    start_s = to_ms(start) // 1000
    due_today = connection.execute(DUE, (start_s, start_s + DAY_S)).fetchone()[0]
    overdue = connection.execute(DUE, (0, start_s)).fetchone()[0]
    inside = connection.execute(
        "SELECT count(*) FROM visit WHERE end_pos IS NULL AND day = ?", (day_number(day),)
    ).fetchone()[0]
    return Today(counted.get(RECEIVED, 0), counted.get(RETURNED, 0), due_today, overdue, inside)


def total(connection: Connection, what: int) -> int:
    """How often `what` happened, on all days together."""
    found: int | None = connection.execute(
        "SELECT sum(count) FROM day_count WHERE what = ?", (what,)
    ).fetchone()[0]
    return found or 0


def conflicts(connection: Connection) -> int:
    """How many conflicts of dossiers wait for a person."""
    return int(connection.execute("SELECT count(*) FROM conflict").fetchone()[0])


def busiest(connection: Connection, day: date, days: int = BUSIEST_DAYS) -> int:
    """How many dossiers the busiest of the `days` before `day` received."""
    found: int | None = connection.execute(
        "SELECT max(count) FROM day_count WHERE what = ? AND day >= ? AND day < ?",
        (RECEIVED, day_number(day - timedelta(days=days)), day_number(day)),
    ).fetchone()[0]
    return found or 0
