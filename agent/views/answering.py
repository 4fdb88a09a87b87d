"""Which events that the province sent back an own event answers (docs/protocol.md section 5).

One answers that tells of the same dossier or visit, or names the event with `again`. All of it is
in the journal, in its order of arrival, so a rebuild forgets the same.
"""

from agent.journal.database import Connection
from agent.views import stored
from wire import chain


def told_of(connection: Connection, no: int) -> None:
    """Forget what was sent back of the dossier or visit that the event at `no` created."""
    connection.execute(
        "DELETE FROM rejected WHERE pos = ?1"
        " OR EXISTS (SELECT 1 FROM dossier_event d WHERE d.dossier = ?1 AND d.pos = rejected.pos)"
        " OR EXISTS (SELECT 1 FROM visit v WHERE v.no = ?1 AND v.end_pos = rejected.pos)",
        (no,),
    )


def entered_again(connection: Connection, again: str) -> None:
    """Forget what was sent back of the event with this id."""
    id_ = stored.parse_id(again)
    found = connection.execute(
        "SELECT r.pos, e.hash FROM rejected r JOIN event e ON e.pos = r.pos"
    ).fetchall()
    for pos, hash_ in found:
        if chain.event_id(hash_) == id_:
            connection.execute("DELETE FROM rejected WHERE pos = ?", (pos,))
