"""The newest receipt of the province as a file that anybody can check (`wire.proof`)."""

from typing import Final

from agent.journal.database import Connection
from agent.journal.transaction import get_meta
from agent.sync.store import PROOF
from agent.views import stored
from wire import chain
from wire.problems import Refusal
from wire.proof import Proof, Way
from wire.statements import Receipt, read_unverified

MISSING: Final = "receipt-missing"


def proof(connection: Connection, event: str | None) -> Proof:
    """Return the newest receipt statement; with `event` (seq, or id) the event's way to its head.

    A number means the journal that is open now; an id is found in those before it too. Raises
    Refusal `receipt-missing` when there is no receipt yet, or none that covers the event, and when
    there is no such event, or its retention is over.
    """
    statement = get_meta(connection, PROOF)
    if statement is None:
        raise Refusal(MISSING)
    if event is None:
        return Proof(receipt=statement)
    for kept in (statement, *_former(connection)):
        receipt = read_unverified(kept, Receipt)
        if _is_number(event) and receipt.journal != _open(connection):
            continue
        way = _way(_rows(connection, receipt), receipt, event)
        if way is not None:
            return Proof(receipt=kept, way=way)
    raise Refusal(MISSING, event)


def _former(connection: Connection) -> list[bytes]:
    found = connection.execute("SELECT value FROM meta WHERE key GLOB ?", (f"{PROOF}.*",))
    return [row[0] for row in found]


def _open(connection: Connection) -> bytes | None:
    query = "SELECT id FROM journal WHERE side = 'office' AND state = 'open'"
    row = connection.execute(query).fetchone()
    return row[0] if row else None


def _rows(connection: Connection, receipt: Receipt) -> list["Row"]:
    found = connection.execute(
        "SELECT e.seq, e.hash, e.body, g.digest FROM event e JOIN journal j ON j.no = e.journal"
        " LEFT JOIN gone g ON g.pos = e.pos"
        " WHERE j.id = ? AND j.side = 'office' AND e.seq <= ? ORDER BY e.seq",
        (receipt.journal, receipt.seq),
    )
    return list(found)


Row = tuple[int, bytes, bytes | None, bytes | None]
"""seq, hash(seq), the event's bytes, and d(seq) where they are gone."""


def _way(rows: list[Row], receipt: Receipt, event: str) -> Way | None:
    before = chain.genesis(receipt.device_id, receipt.journal).hash
    for place, (seq, hash_, body, _) in enumerate(rows):
        if _is_named(event, seq, hash_):
            if body is None:
                raise Refusal(MISSING, event)
            after = b"".join(_digest(row) for row in rows[place + 1 :])
            return Way(seq=seq, event=body, before=before, after=after)
        before = hash_
    return None


def _is_named(event: str, seq: int, hash_: bytes) -> bool:
    if _is_number(event):
        return int(event) == seq
    id_ = stored.parse_id(event)
    return id_ is not None and chain.event_id(hash_) == id_


def _is_number(event: str) -> bool:
    return event.isascii() and event.isdigit()


def _digest(row: Row) -> bytes:
    _, _, body, gone = row
    if body is not None:
        return chain.event_digest(body)
    return gone or b""
