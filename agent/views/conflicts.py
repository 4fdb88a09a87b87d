"""The open conflicts of dossiers, to be found by their ids and listed."""

from typing import Final

from agent.journal.database import Connection
from agent.views import dossier_rows
from agent.views.dossier_rows import Loaded
from records.conflicts import Kept
from records.dossier import Dossier

LISTED_MAX: Final = 500


def follow(connection: Connection, no: int, dossier: Dossier) -> None:
    """Keep the conflicts of dossier number `no` as it has them now."""
    connection.execute("DELETE FROM conflict WHERE dossier = ?", (no,))
    rows = [(one.id, no) for one in dossier.kept]
    connection.executemany("INSERT OR REPLACE INTO conflict VALUES (?, ?)", rows)


def find(connection: Connection, conflict: str) -> int | None:
    """Number of the dossier that has this open conflict."""
    row = connection.execute(
        "SELECT dossier FROM conflict WHERE id = ?", (conflict.lower(),)
    ).fetchone()
    return None if row is None else int(row[0])


def listed(connection: Connection) -> list[tuple[Loaded, Kept]]:
    """Return open conflicts with their dossiers, those of the newest dossiers first."""
    rows = connection.execute(
        "SELECT DISTINCT dossier FROM conflict ORDER BY dossier DESC LIMIT ?", (LISTED_MAX,)
    ).fetchall()
    found = (dossier_rows.load(connection, no) for (no,) in rows)
    pairs = [(loaded, one) for loaded in found if loaded for one in loaded.dossier.kept]
    return pairs[:LISTED_MAX]
