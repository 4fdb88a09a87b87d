"""The views follow the journal: each appended event changes what it touches, in its transaction.

An event that cannot be projected never stops the journal: it stays, is named in `problem` as
`projection-failed`, and every other event goes on. The same code runs for a new event and for a
rebuild, so a rebuilt view equals one that grew.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import sqlcipher3

from agent.journal.database import Connection
from agent.journal.identity import Identity
from agent.journal.projector import DeliveredRow, Entry
from agent.views import answering, conflicts, counts, documents, standing, stored, tally
from agent.views.dossier_rows import CREATING as DOSSIER_CREATING
from agent.views.dossier_rows import DossierRows, exists, find
from agent.views.stored import ReadEvent, StoredEvent
from agent.views.tables import INDEXES, TABLES, VERSION
from agent.views.visit_rows import CREATING as VISIT_CREATING
from agent.views.visit_rows import ENDING as VISIT_ENDING
from agent.views.visit_rows import VisitRows
from agent.views.visit_rows import exists as visit_exists
from records.desk_events import (
    DESK_BODIES,
    ConflictSettled,
    DossierProgressed,
    EventRejected,
    NumbersMapped,
)
from records.events import BODIES
from records.office_events import DocumentAttached
from wire import event as wire_event
from wire.problems import Malformed, Refusal

VIEW: Final = "views"
NOTE: Final = (
    "INSERT OR IGNORE INTO problem(journal, seq, code, detail, at_ms) VALUES (?, ?, ?, ?, ?)"
)


class Views:
    """All views of an office's journal, as one projector.

    `person_key`: 32 secret bytes of this office, for recognising a person without keeping a number.
    """

    def __init__(self, person_key: bytes) -> None:
        self.person_key = person_key
        self.dossiers = DossierRows(person_key)
        self.visits = VisitRows(person_key)
        self.desk_changes = 0
        """Goes up when what stands from the province may have changed: memories of it are void."""
        self.rollbacks = 0
        """Goes up when something was undone: memories of the office's own numbers are void."""
        self.stale = False
        """The tables are of another version, or a rebuild goes on: no command is decided on them.

        How far they reach the database says (`reached`): a COMMIT may fail, this does not hear of.
        """
        self._steps: Mapping[str, Callable[[Connection, ReadEvent], None]] = {
            "dossier.declined": self._declined,
            "numbers.mapped": self._province_dossier,
            "dossier.progressed": self._province_dossier,
            "conflict.settled": self._province_dossier,
            "event.rejected": self._rejected,
            "power.lost": self._power_lost,
        }

    def prepare(self, connection: Connection) -> None:
        """Make the tables when there are none; note when they are stale."""
        found = connection.execute("SELECT 1 FROM view WHERE name = ?", (VIEW,)).fetchone()
        if found is None:
            create(connection)
            old = connection.execute("SELECT 1 FROM event LIMIT 1").fetchone()
            row = (VIEW, VERSION, None if old is None else 0)
            connection.execute("INSERT INTO view VALUES (?, ?, ?)", row)
        self.stale = reached(connection) is not None

    def undone(self) -> None:
        """Forget what is remembered outside the database."""
        self.dossiers.forget()
        self.rollbacks += 1

    def apply(self, connection: Connection, entry: Entry) -> None:
        """Follow one appended event, unless a rebuild will come to it."""
        if self.stale and reached(connection) is not None:
            return
        at_ms = _time(entry.event.at)
        source = StoredEvent(entry.pos, entry.journal, entry.seq, entry.hash, None)
        if at_ms is None:
            return
        body = entry.body if entry.body is not None else stored.body_or_none(entry.event)
        self.project(connection, ReadEvent(source, entry.event, at_ms, body))

    def project(self, connection: Connection, read: ReadEvent) -> None:
        """Change what one event touches; name it as a problem when it cannot be projected.

        Every step looks first and writes last, so a refusal leaves nothing half done. Should that
        ever not hold, the exception goes on and undoes the whole job: no savepoint of its own is
        paid for each event.
        """
        changes = connection.total_changes
        try:
            self._project(connection, read)
        except sqlcipher3.Error:
            raise  # the database speaks, not the event
        except Exception as error:  # no event may stop the journal, whatever it says
            if connection.total_changes != changes:
                raise
            self.undone()
            place = (read.stored.journal, read.stored.seq, "projection-failed", str(error))
            connection.execute(NOTE, (*place, read.at_ms))

    def delivered(
        self, connection: Connection, identity: Identity, rows: Sequence[DeliveredRow], sign: int
    ) -> None:
        """Follow the delivered mark in the tally of days, as far as a rebuild has come by now."""
        until = reached(connection) if self.stale else None
        if until is not None:
            rows = [row for row in rows if row.pos <= until]
        tally.follow(connection, identity, rows, sign)

    def renamed(self, connection: Connection, pos: int, before: bytes, after: bytes) -> None:
        """Let what the event at `pos` created be found under its new id too."""
        key = (stored.subject_key(before), pos)
        if connection.execute("SELECT 1 FROM subject WHERE key = ? AND pos = ?", key).fetchone():
            place = (stored.subject_key(after), pos)
            connection.execute("INSERT OR IGNORE INTO subject VALUES (?, ?)", place)

    def begun(self, connection: Connection) -> None:
        """Count the delivered events of the new journal from nothing."""
        connection.execute("DELETE FROM day_tally")
        self.undone()

    def _project(self, connection: Connection, read: ReadEvent) -> None:
        kind, subject = read.event.kind, read.event.subject
        if read.body is None and kind in BODIES:
            raise Refusal("field-invalid", kind)
        if kind in DOSSIER_CREATING:
            self._received(connection, read)
        elif kind in standing.KINDS:
            standing.keep(connection, read)
            self.desk_changes += 1
        elif kind in self._steps:
            self._steps[kind](connection, read)
        elif subject is not None:
            self._told(connection, read, subject)
        elif kind in VISIT_CREATING:
            self.visits.create(connection, read)
            self._name(connection, read)
        if read.event.again is not None and kind not in DESK_BODIES:
            answering.entered_again(connection, read.event.again)

    def _received(self, connection: Connection, read: ReadEvent) -> None:
        if self.dossiers.create(connection, read) is None:
            raise ValueError("no dossier")
        self._name(connection, read)
        counts.add(connection, read.at_ms, counts.RECEIVED)

    def _name(self, connection: Connection, read: ReadEvent) -> None:
        key = stored.subject_key(read.stored.hash)
        connection.execute("INSERT INTO subject VALUES (?, ?)", (key, read.stored.pos))
        former = None if read.event.again is None else stored.parse_id(read.event.again)
        if former is not None:
            place = (stored.key_of_id(former), read.stored.pos)
            connection.execute("INSERT OR IGNORE INTO subject VALUES (?, ?)", place)

    def _told(self, connection: Connection, read: ReadEvent, subject: int | str) -> None:
        """An event about something that another event created."""
        no = self._subject_pos(connection, read.stored, subject)
        if no is None or no >= read.stored.pos:  # a rebuild must not see what came later
            raise Refusal("dossier-unknown", str(subject))
        if read.event.kind in VISIT_ENDING:
            if not visit_exists(connection, no):
                raise Refusal("visit-unknown", str(subject))
            self.visits.end(connection, no, read)
        elif exists(connection, no):
            self._about_dossier(connection, no, read)
        if read.event.kind not in DESK_BODIES:
            answering.told_of(connection, no)

    def _about_dossier(self, connection: Connection, no: int, read: ReadEvent) -> None:
        body = read.body
        if isinstance(body, DocumentAttached):
            documents.check(body)
        self._changed(connection, no, read)
        last = self.dossiers.last
        if isinstance(body, DocumentAttached) and last is not None:
            documents.add(connection, read, body, urgent=last.dossier.urgent)

    def _changed(self, connection: Connection, no: int, read: ReadEvent) -> None:
        before, after = self.dossiers.extend(connection, no, read)
        if after.state == "returned" and before.state != "returned":
            counts.add(connection, read.at_ms, counts.RETURNED)
        if after.kept != before.kept:
            conflicts.follow(connection, no, after)

    def _province_dossier(self, connection: Connection, read: ReadEvent) -> None:
        """What the province says about a dossier, which it may name by id, code or book."""
        body = read.body
        assert isinstance(body, NumbersMapped | DossierProgressed | ConflictSettled)  # noqa: S101 - by kind
        no = find(connection, body.dossier)
        if no is None:
            raise Refusal("dossier-unknown", body.dossier)
        self._changed(connection, no, read)

    def _declined(self, connection: Connection, read: ReadEvent) -> None:
        connection.execute("INSERT INTO declined VALUES (?)", (read.stored.pos,))

    def _power_lost(self, connection: Connection, read: ReadEvent) -> None:
        counts.add(connection, read.at_ms, counts.POWER_LOST)

    def _rejected(self, connection: Connection, read: ReadEvent) -> None:
        assert isinstance(read.body, EventRejected)  # noqa: S101 - by kind
        row = connection.execute(
            "SELECT e.pos FROM journal j JOIN event e ON e.journal = j.no"
            " WHERE j.id = ? AND j.side = 'office' AND e.seq = ? AND e.pos < ?",
            (bytes.fromhex(read.body.journal), read.body.seq, read.stored.pos),
        ).fetchone()
        if row is None:
            raise LookupError(f"event {read.body.seq}")
        connection.execute(
            "INSERT OR REPLACE INTO rejected VALUES (?, ?, ?, ?)",
            (row[0], read.body.code, read.body.detail, read.stored.pos),
        )

    def _subject_pos(
        self, connection: Connection, event: StoredEvent, subject: int | str
    ) -> int | None:
        if isinstance(subject, str):
            id_ = stored.parse_id(subject)
            return None if id_ is None else stored.pos_of_id(connection, id_)
        last = self.dossiers.last
        if last is not None and (last.first.journal, last.first.seq) == (event.journal, subject):
            return last.no
        return stored.pos_of(connection, event.journal, subject)


def create(connection: Connection) -> None:
    """Make all tables of the views, empty."""
    for statement in TABLES.values():
        connection.execute(statement)
    for name, what in INDEXES.items():
        connection.execute(f"CREATE INDEX {name} ON {what}")


def reached(connection: Connection) -> int | None:
    """Up to which position the tables are built; None when they are whole."""
    version, pos = connection.execute(
        "SELECT version, pos FROM view WHERE name = ?", (VIEW,)
    ).fetchone()
    built: int | None = pos if version == VERSION else 0
    return built


def _time(at: str) -> int | None:
    try:
        return wire_event.parse_time(at)
    except Malformed:
        return None
