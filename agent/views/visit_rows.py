"""Folding visits from their two events, and the row of each that finding needs."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from agent.journal.database import Connection
from agent.views import stored
from agent.views.dossier_rows import day_number
from agent.views.stored import COLUMNS, ReadEvent, StoredEvent
from records import visits as rules
from records.moment import office_day
from records.office_events import VisitCheckedIn, VisitCheckedOut
from records.values import Visitor
from records.visits import Visit

CREATING = frozenset({"visit.checked_in", "visit.checked_out"})
ENDING = frozenset({"visit.checked_out", "visit.ended"})


class LoadedVisit(NamedTuple):
    """A visit with its events; `person` is the short form of the person's key, if known."""

    no: int
    person: int | None
    visit: Visit
    events: tuple[StoredEvent, ...]

    @property
    def first(self) -> StoredEvent:
        """The event that created it."""
        return self.events[0]


def short(person: bytes) -> int:
    """The person's key as it stands in the table: its first 8 bytes."""
    return int.from_bytes(person[:8], "big", signed=True)


class VisitRows:
    """Keeps the rows of the visits."""

    def __init__(self, person_key: bytes) -> None:
        self._person_key = person_key

    def create(self, connection: Connection, read: ReadEvent) -> None:
        """Enter a visit that an event begins, or somebody who was only seen leaving."""
        visitor: Visitor | None = None
        end: int | None = None
        if isinstance(read.body, VisitCheckedIn):
            visitor = read.body.visitor
        elif isinstance(read.body, VisitCheckedOut):
            visitor, end = read.body.visitor, read.stored.pos
        else:
            return
        person = rules.person_key(visitor, self._person_key) if visitor else None
        room = read.body.room if isinstance(read.body, VisitCheckedIn) else "main"
        connection.execute(
            "INSERT INTO visit VALUES (?, ?, ?, ?, ?)",
            (
                read.stored.pos,
                day_number(office_day(read.at_ms)),
                short(person) if person else None,
                room,
                end,
            ),
        )

    def end(self, connection: Connection, no: int, read: ReadEvent) -> None:
        """Let an event end visit `no`; a second end changes nothing."""
        connection.execute(
            "UPDATE visit SET end_pos = ? WHERE no = ? AND end_pos IS NULL", (read.stored.pos, no)
        )


def load(connection: Connection, no: int) -> LoadedVisit | None:
    """Read and fold the visit that the event at position `no` created."""
    row = connection.execute("SELECT person, end_pos FROM visit WHERE no = ?", (no,)).fetchone()
    if row is None:
        return None
    events = connection.execute(
        f"SELECT {COLUMNS} FROM event e WHERE pos IN (?, ?) ORDER BY pos",  # noqa: S608
        (no, row[1] if row[1] is not None else no),
    )
    return _fold(no, row[0], tuple(StoredEvent(*event) for event in events))


def _fold(no: int, person: int | None, events: tuple[StoredEvent, ...]) -> LoadedVisit | None:
    visit: Visit | None = None
    for event in events:
        read = stored.read(event)
        if read is not None and read.body is not None:
            visit = rules.evolve(visit, read.event.kind, read.body, read.at_ms)
    return LoadedVisit(no, person, visit, events) if visit is not None else None


def find(connection: Connection, ref: str) -> int | None:
    """Number of the visit with that id."""
    id_ = stored.parse_id(ref)
    pos = stored.pos_of_id(connection, id_) if id_ is not None else None
    return pos if pos is not None and exists(connection, pos) else None


def exists(connection: Connection, no: int) -> bool:
    """Whether the event at position `no` created a visit."""
    return connection.execute("SELECT 1 FROM visit WHERE no = ?", (no,)).fetchone() is not None


def last_of(connection: Connection, person: bytes) -> LoadedVisit | None:
    """The newest visit of a person."""
    row = connection.execute(
        "SELECT max(no) FROM visit WHERE person = ?", (short(person),)
    ).fetchone()
    return load(connection, row[0]) if row[0] is not None else None


def inside(connection: Connection, limit: int) -> list[LoadedVisit]:
    """Visits nobody has ended, oldest first, at most `limit`."""
    rows = connection.execute(
        "SELECT no FROM visit WHERE end_pos IS NULL ORDER BY day, room, no LIMIT ?", (limit,)
    ).fetchall()
    return [visit for (no,) in rows if (visit := load(connection, no)) is not None]


def between(connection: Connection, first: date, last: date) -> Iterator[LoadedVisit]:
    """Visits of these days, both included, one at a time."""
    days = (day_number(first), day_number(last))
    rows = connection.execute("SELECT no FROM visit WHERE day BETWEEN ? AND ? ORDER BY no", days)
    for (no,) in rows.fetchall():
        if (visit := load(connection, no)) is not None:
            yield visit
