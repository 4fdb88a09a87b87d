"""What the line did hour by hour, from the log of exchanges."""

from typing import Final, NamedTuple

from agent.journal.database import Connection

HOUR_MS: Final = 3_600_000


class Hour(NamedTuple):
    """The exchanges of one hour: when it began, how many were answered, how many not, bytes."""

    began_ms: int
    answered: int
    failed: int
    bytes_up: int
    bytes_down: int


def hours(connection: Connection, now_ms: int, count: int) -> list[Hour]:
    """Return the last `count` hours in which there was an exchange, the newest first."""
    rows = connection.execute(
        "SELECT at_ms / ?1 * ?1 AS began, sum(ok), sum(1 - ok), sum(bytes_up), sum(bytes_down)"
        " FROM exchange WHERE at_ms > ?2 GROUP BY began ORDER BY began DESC LIMIT ?3",
        (HOUR_MS, now_ms - count * HOUR_MS, count),
    )
    return [Hour(*row) for row in rows.fetchall()]
