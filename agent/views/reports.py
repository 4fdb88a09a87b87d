"""The dossiers of an office as the reports want them: their whole stories, their payments."""

from typing import Final

from agent.journal.database import Connection
from agent.views import dossier_rows, standing, stored
from agent.views.stored import COLUMNS, StoredEvent
from records.fee_statistics import Payment
from records.office_events import DossierDeclined, FeePaid
from records.statistics import Declined, History, Told, history

__all__ = ["declined", "fields", "histories", "payments"]

PAID: Final = b'{"kind":"dossier.paid"'
"""How a payment begins: `kind` is the first member on the wire (docs/protocol.md section 2)."""
PAYMENTS: Final = (
    f"SELECT {COLUMNS} FROM dossier_event d JOIN event e ON e.pos = d.pos"  # noqa: S608
    " WHERE substr(e.body, 1, ?) = ? ORDER BY e.pos"
)


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


def payments(connection: Connection) -> list[Payment]:
    """Return every payment for a dossier, in the order they were recorded."""
    rows = connection.execute(PAYMENTS, (len(PAID), PAID)).fetchall()
    read = (stored.read(StoredEvent(*row)) for row in rows)
    return [
        Payment(one.at_ms, one.event.actor, one.body.by, one.body.amount_vnd)
        for one in read
        if one is not None and isinstance(one.body, FeePaid)
    ]


def fields(connection: Connection) -> dict[str, str | None]:
    """Return the field of each procedure of the catalogue."""
    return {procedure.code: procedure.field for procedure in standing.procedures(connection)}


def _told(events: tuple[StoredEvent, ...]) -> list[Told]:
    return [
        Told(one.event.kind, one.body, one.at_ms, dossier_rows.said(one))
        for one in dossier_rows.ordered(events)
        if one.body is not None
    ]
