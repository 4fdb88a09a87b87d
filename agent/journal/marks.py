"""Reading and writing where the journals stand; a handful of indexed look-ups, never a scan."""

from agent.journal.database import Connection
from agent.journal.identity import Identity
from agent.journal.salvaged import UNTIL
from agent.journal.schema import Side
from agent.journal.state import Marks
from agent.journal.transaction import get_meta
from wire.chain import Head
from wire.problems import Refusal

OPEN = (
    "SELECT no, head_seq, head_hash, head_bytes, writer_id, id, latest_at FROM journal"
    " WHERE side = ? AND state = 'open'"
)


def read_marks(conn: Connection) -> Marks:
    """Read the marks from the database: they are what the last COMMIT left.

    Raises Refusal `journal-damaged` when the stored head is not that of the last event.
    """
    pos = conn.execute("SELECT coalesce(max(pos), 0) FROM event").fetchone()[0]
    office = conn.execute(OPEN, ("office",)).fetchone()
    if office is None:
        return Marks(pos=pos)
    desk = conn.execute(OPEN, ("desk",)).fetchone()
    head, desk_head = Head(office[1], office[2]), Head(desk[1], desk[2])
    for number, stored in ((office[0], head), (desk[0], desk_head)):
        _same_as_last_event(conn, number, stored)
    mark = conn.execute(
        "SELECT seq, hash, bytes FROM delivered WHERE journal = ? ORDER BY seq DESC LIMIT 1",
        (office[0],),
    ).fetchone()
    return Marks(
        pos=pos,
        office=office[0],
        head=head,
        head_bytes=office[3],
        latest_at=office[6],
        delivered=Head(mark[0], mark[1]),
        delivered_bytes=mark[2],
        desk=desk[0],
        desk_head=desk_head,
        desk_bytes=desk[3],
        journal=office[5],
        desk_id=desk[5],
        desk_writer=desk[4],
        promised=get_meta(conn, UNTIL) or 0,
    )


def _same_as_last_event(conn: Connection, number: int, stored: Head) -> None:
    row = conn.execute(
        "SELECT seq, hash FROM event WHERE journal = ? ORDER BY seq DESC LIMIT 1", (number,)
    ).fetchone()
    if row is not None and (row[0], row[1]) != stored:
        raise Refusal("journal-damaged", f"head {stored.seq}, last event {row[0]}")
    if row is None and stored.seq != 0:
        raise Refusal("journal-damaged", f"head {stored.seq}, no event")


def write_marks(conn: Connection, before: Marks, after: Marks) -> None:
    """Store the heads that changed; once per transaction, before its COMMIT."""
    update = (
        "UPDATE journal SET head_seq = ?, head_hash = ?, head_bytes = ?, latest_at = ? WHERE no = ?"
    )
    if after.head is not before.head:
        conn.execute(update, (*after.head, after.head_bytes, after.latest_at, after.office))
    if after.desk_head is not before.desk_head:
        conn.execute(update, (*after.desk_head, after.desk_bytes, "", after.desk))


def adopt(conn: Connection, identity: Identity) -> None:
    """Enter the journals that enrolment named, or check that they are the ones held.

    Raises Refusal `journal-damaged` when the file holds the journal of another device: the keys
    directory and the data directory do not belong together.
    """
    wanted: tuple[tuple[Side, bytes, bytes, Head], ...] = (
        ("office", identity.journal, identity.device_id, identity.genesis),
        ("desk", identity.desk, identity.desk_writer, identity.desk_genesis),
    )
    for side, journal, writer, genesis in wanted:
        held = conn.execute(OPEN, (side,)).fetchone()
        if held is None:
            conn.execute(
                "INSERT INTO journal(side, id, writer_id, state, head_seq, head_hash, head_bytes)"
                " VALUES (?, ?, ?, 'open', 0, ?, 0)",
                (side, journal, writer, genesis.hash),
            )
        elif not _had(conn, side, writer, journal):
            raise Refusal("journal-damaged", f"{side} journal {held[5].hex()}")
    number, genesis = conn.execute(OPEN, ("office",)).fetchone()[0], identity.genesis
    first = conn.execute("SELECT id FROM journal WHERE no = ?", (number,)).fetchone()[0]
    if first == identity.journal:
        conn.execute(
            "INSERT OR IGNORE INTO delivered(journal, seq, hash, bytes, at_ms)"
            " VALUES (?, 0, ?, 0, 0)",
            (number, genesis.hash),
        )


def _had(conn: Connection, side: Side, writer: bytes, journal: bytes) -> bool:
    """Whether the file holds the journal of enrolment: open, or followed by others of its own."""
    row = conn.execute(
        "SELECT 1 FROM journal WHERE side = ? AND writer_id = ? AND id = ?", (side, writer, journal)
    ).fetchone()
    return row is not None
