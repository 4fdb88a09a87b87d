"""Folding dossiers from their events, and the row of each that searching needs."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from agent.journal.database import Connection
from agent.views import stored
from agent.views.highest import Highest
from agent.views.stored import COLUMNS, ReadEvent, StoredEvent
from records import dossier as machine
from records.codes import parse_book_ref, parse_code
from records.conflicts import Said
from records.dossier import Dossier
from records.person_numbers import spelt_id, spelt_phone
from records.search_text import fold
from records.told_order import Arrived, heard_of, in_order
from records.values import Applicant
from wire.problems import Refusal

STATES: Final = (
    "received", "supplement_requested", "forwarded",
    "resolved", "refused", "stopped", "withdrawn", "in_post", "returned",
)  # fmt: skip
"""States by the number that stands in the table: the open ones first."""
STATE_NO: Final = {state: number for number, state in enumerate(STATES)}
CHANNELS: Final = ("direct", "online", "postal")
CHANNEL_NO: Final = {channel: number for number, channel in enumerate(CHANNELS)}
CREATING: Final = frozenset({"dossier.received", "dossier.assigned"})

INSERT: Final = "INSERT INTO dossier VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
UPDATE: Final = (
    "UPDATE dossier SET state = ?, channel = ?, due_s = ?, code_prefix = ?, code_day = ?,"
    " code_serial = ?, year = ?, volume = ?, number = ?, person = ?, id_mark = ?,"
    " phone_mark = ?, search = ? WHERE no = ?"
)


class Loaded(NamedTuple):
    """A dossier with all its events: `no` is the position of the first."""

    no: int
    dossier: Dossier
    events: tuple[StoredEvent, ...]

    @property
    def first(self) -> StoredEvent:
        """The event that created it."""
        return self.events[0]


def step(dossier: Dossier | None, read: ReadEvent) -> Dossier | None:
    """Fold one more event; one that cannot be folded leaves the dossier as it is."""
    if read.body is None:
        return dossier
    try:
        return machine.evolve(dossier, read.event.kind, read.body, read.at_ms, said(read))
    except (Refusal, msgspec.ValidationError, TypeError, ValueError):
        return dossier


def said(read: ReadEvent) -> Said:
    """Who says an event."""
    return Said(read.stored.hash, read.event.actor, read.event.seen)


def ordered(events: Sequence[StoredEvent]) -> list[ReadEvent]:
    """Read the events of one dossier, as they arrived, into the order in which both ends fold."""
    known = [read for event in events if (read := stored.read(event)) is not None]
    arrived = (Arrived(read.event.kind, read.stored.seq, read.body) for read in known)
    return [known[place] for place in in_order(arrived)]


def fold_events(events: Sequence[StoredEvent]) -> Dossier | None:
    """Fold the events of one dossier, as they arrived, in the order of both ends."""
    dossier: Dossier | None = None
    for read in ordered(events):
        dossier = step(dossier, read)
    return dossier


def _came_late(loaded: Loaded, read: ReadEvent) -> bool:
    """Whether the office recorded something about the dossier that the province did not know."""
    heard = heard_of(read.body)
    if heard is None:
        return False
    journal = read.stored.journal
    return any(event.journal != journal and event.seq > heard for event in loaded.events)


def load(connection: Connection, no: int) -> Loaded | None:
    """Read and fold the dossier that the event at position `no` created."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM dossier d JOIN event e ON e.pos = d.no WHERE d.no = ?"  # noqa: S608
        f" UNION ALL SELECT {COLUMNS} FROM dossier_event d JOIN event e ON e.pos = d.pos"
        " WHERE d.dossier = ? ORDER BY 1",
        (no, no),
    )
    events = tuple(StoredEvent(*row) for row in rows)
    dossier = fold_events(events)
    return Loaded(no, dossier, events) if dossier is not None else None


def find(connection: Connection, ref: str, *, year: int | None = None) -> int | None:
    """Number of the dossier that an id, a code, or `year/volume/number` names.

    `year`: that of a book without one, `volume/number` as people write it; None: then it is none.
    """
    id_ = stored.parse_id(ref)
    if id_ is not None:
        pos = stored.pos_of_id(connection, id_)
        return pos if pos is not None and exists(connection, pos) else None
    book = parse_book_ref(ref)
    if book is not None and (book.year or year) is not None:
        return _one(
            connection,
            "SELECT no FROM dossier WHERE year = ? AND volume = ? AND number = ?",
            (book.year or year, book.volume, book.number),
        )
    code = parse_code(ref)
    if code is None:
        return None
    return _one(
        connection,
        "SELECT d.no FROM prefix p JOIN dossier d ON d.code_prefix = p.no"
        " WHERE p.text = ? AND d.code_day = ? AND d.code_serial = ? ORDER BY d.no LIMIT 1",
        (code.prefix, day_number(code.day), code.serial),
    )


def exists(connection: Connection, no: int) -> bool:
    """Whether the event at position `no` created a dossier."""
    return connection.execute("SELECT 1 FROM dossier WHERE no = ?", (no,)).fetchone() is not None


def _one(connection: Connection, query: str, values: tuple[object, ...]) -> int | None:
    row = connection.execute(query, values).fetchone()
    return int(row[0]) if row else None


Row = tuple[
    int, int, int | None, int | None, int | None, int | None, int | None, int | None, int | None,
    int | None, int | None, int | None, str,
]  # fmt: skip
"""Columns of a dossier's row behind `no`, in the order of the table."""


def _numbers(
    row: Row,
) -> tuple[int | None, int | None, int | None, int | None, int | None, int | None]:
    """The columns that hold the dossier's two numbers."""
    return row[3:9]


class DossierRows:
    """Keeps the rows of the dossiers; one per projector, on the writer's thread."""

    def __init__(self, person_key: bytes) -> None:
        self._person_key = person_key
        self._prefixes: dict[str, int] = {}
        self._highest = Highest()
        self.last: Loaded | None = None
        """The dossier looked at last: a command decides on it and is then projected onto it."""

    def forget(self) -> None:
        """Drop what is remembered outside the database."""
        self._prefixes.clear()
        self._highest.forget()
        self.last = None

    def get(self, connection: Connection, no: int) -> Loaded | None:
        """The dossier number `no`, from memory when it was the one looked at last."""
        if self.last is None or self.last.no != no:
            self.last = load(connection, no)
        return self.last

    def create(self, connection: Connection, read: ReadEvent) -> Dossier | None:
        """Enter the dossier that an event creates; None when the event cannot be folded."""
        dossier = step(None, read)
        if dossier is None:
            return None
        no = read.stored.pos
        row = self.row(connection, dossier)
        connection.execute(INSERT, (no, *row))
        self._numbers_given(row)
        self.last = Loaded(no, dossier, (read.stored,))
        return dossier

    def extend(self, connection: Connection, no: int, read: ReadEvent) -> tuple[Dossier, Dossier]:
        """Let one more event work on dossier `no`; return it before and after."""
        loaded = self.get(connection, no)
        if loaded is None:
            raise Refusal("dossier-unknown")
        connection.execute("INSERT INTO dossier_event VALUES (?, ?)", (no, read.stored.pos))
        before = loaded.dossier
        again = load(connection, no) if _came_late(loaded, read) else None
        after = again.dossier if again is not None else step(before, read) or before
        if after is not before:
            old, new = self.row(connection, before), self.row(connection, after)
            if old != new:
                connection.execute(UPDATE, (*new, no))
                if _numbers(old) != _numbers(new):
                    self._highest.forget()
        self.last = Loaded(no, after, (*loaded.events, read.stored))
        return before, after

    def highest_serial(
        self, connection: Connection, prefix: str, day: date, first: int, last: int
    ) -> int | None:
        """The highest serial of a day used within a range, by any dossier known here."""
        number = self._known_prefix(connection, prefix)
        if number is None:
            return None
        return self._highest.serial(connection, (number, day_number(day), first, last))

    def highest_number(self, connection: Connection, year: int, volume: int) -> int | None:
        """The highest number written in a volume of the register."""
        return self._highest.number(connection, (year, volume))

    def _numbers_given(self, row: Row) -> None:
        prefix, day, serial, year, volume, number = _numbers(row)
        if prefix is not None and day is not None and serial is not None:
            self._highest.gave_serial(prefix, day, serial)
        if year is not None and volume is not None and number is not None:
            self._highest.gave_number(year, volume, number)

    def row(self, connection: Connection, dossier: Dossier) -> Row:
        """What searching needs of a dossier."""
        code = parse_code(dossier.code) if dossier.code else None
        prefix = self._prefix(connection, code.prefix) if code else None
        return (
            STATE_NO[dossier.state],
            CHANNEL_NO[dossier.channel],
            dossier.due_at_ms // 1000 if dossier.due_at_ms is not None else None,
            prefix,
            day_number(code.day) if code else None,
            code.serial if code else None,
            dossier.book_year,
            dossier.volume,
            dossier.number,
            self.person(dossier.applicant.id_number, dossier.procedure_code),
            *_marks(self._person_key, dossier.applicant),
            search_text(dossier),
        )

    def person(self, id_number: str | None, procedure_code: str) -> int | None:
        """What stands for 'this person, this procedure': useless without the office's secret."""
        if not id_number:
            return None
        return _keyed(self._person_key, f"{id_number}\0{procedure_code}")

    def _prefix(self, connection: Connection, text: str) -> int:
        number = self._known_prefix(connection, text)
        if number is None:
            cursor = connection.execute("INSERT INTO prefix(text) VALUES (?)", (text,))
            number = self._prefixes[text] = int(cursor.lastrowid)
        return number

    def _known_prefix(self, connection: Connection, text: str) -> int | None:
        number = self._prefixes.get(text)
        if number is None:
            number = _one(connection, "SELECT no FROM prefix WHERE text = ?", (text,))
            if number is not None:
                self._prefixes[text] = number
        return number


def number_marks(key: bytes, number: str) -> tuple[int, int]:
    """What stands for a number in the two columns, were it of a paper and were it a phone."""
    id_, phone = spelt_id(number), spelt_phone(number)
    return _keyed(key, f"id:{id_}"), _keyed(key, f"phone:{phone}")


def _marks(key: bytes, applicant: Applicant) -> tuple[int | None, int | None]:
    id_, phone = applicant.id_number, applicant.phone
    return (
        _keyed(key, f"id:{spelt_id(id_)}") if id_ else None,
        _keyed(key, f"phone:{spelt_phone(phone)}") if phone else None,
    )


@lru_cache(maxsize=4)
def _keyed(key: bytes, told: str) -> int:
    """Hash once for the decision and for the rows that follow it."""
    digest = hmac.digest(key, told.encode(), hashlib.sha256)
    return int.from_bytes(digest[:8], "big", signed=True)


def day_number(day: date) -> int:
    """A day as a small integer that sorts: 261121 for 21/11/2026 (until 2099)."""
    return (day.year - 2000) * 10_000 + day.month * 100 + day.day


def search_text(dossier: Dossier) -> str:
    """What a clerk may type a part of to find a dossier, folded: name and organisation.

    Not the numbers: parts of them would spell out what the mask hides, without a record.
    """
    applicant = dossier.applicant
    parts = (fold(applicant.full_name), fold(applicant.organisation or ""))
    return " ".join(part for part in parts if part)
