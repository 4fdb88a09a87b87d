"""The dossiers of an office as the statistics want them: each with its whole story."""

from agent.journal.database import Connection
from agent.views import dossier_rows, standing, stored
from agent.views.stored import StoredEvent
from records.office_events import DossierDeclined
from records.statistics import Declined, History, Told, history

__all__ = ["declined", "fields", "histories"]


def histories(connection: Connection, office: str) -> list[History]:
    """Return the story of every dossier of the office."""
    numbers = connection.execute("SELECT no FROM dossier ORDER BY no").fetchall()
    found = (dossier_rows.load(connection, no) for (no,) in numbers)
    return [history(office, _told(loaded.events)) for loaded in found if loaded is not None]


def declined(connection: Connection, office: str) -> list[Declined]:
    """Return every request that was declined before it became a dossier."""
    rows = connection.execute("SELECT pos FROM declined ORDER BY pos").fetchall()
    events = (stored.at(connection, pos) for (pos,) in rows)
    read = (stored.read(event) for event in events if event is not None)
    return [
        Declined(office, one.body.procedure_code, one.at_ms)
        for one in read
        if one is not None and isinstance(one.body, DossierDeclined)
    ]


def fields(connection: Connection) -> dict[str, str | None]:
    """Return the field of each procedure of the catalogue."""
    return {procedure.code: procedure.field for procedure in standing.procedures(connection)}


def _told(events: tuple[StoredEvent, ...]) -> list[Told]:
    read = (stored.read(event) for event in events)
    return [
        Told(one.event.kind, one.body, one.at_ms)
        for one in read
        if one is not None and one.body is not None
    ]
