"""Answers to what a decision asks, read in the very transaction that will record it.

What the province set is read once and remembered until the desk journal brings something new; all
else is asked of the views, by index.
"""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

from agent.journal import Transaction
from agent.views import conflicts, counts, dossier_rows, numbers, scans, standing, visit_rows
from agent.views.projector import Views
from agent.views.stored import StoredEvent
from agent.views.tables import OPEN_STATES
from records import book as register
from records import leases as rules
from records.calendar import Calendar
from records.catalogue import Procedure
from records.codes import BookRef
from records.decision import FoundDossier, FoundVisit
from records.desk_events import PolicySet
from records.documents import Captured
from records.leases import Lease, LeaseWarning, NumberOffer
from records.moment import office_day, to_ms
from records.values import SubjectRef
from wire import event as wire_event

WARNINGS_MS: Final = 60_000
"""How old the warning that numbers run out may be."""
PROCEDURES_MAX: Final = 1024
"""Procedures remembered, by code and version: a commune's whole catalogue has some 400."""


NO_FILES: Final[Mapping[str, Captured]] = MappingProxyType({})


class Facts:
    """One for the writer's thread; `at` binds it to the transaction of the job at hand."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._desk_seen = -1
        self._forget_desk()

    def at(self, transaction: Transaction, files: Mapping[str, Captured] = NO_FILES) -> "Facts":
        """Answer from this transaction from now on; `files` were captured for it, by their path."""
        self._transaction = transaction
        self._files = files
        self._conn = transaction.conn
        if self._views.desk_changes != self._desk_seen:
            self._forget_desk()
        return self

    def _forget_desk(self) -> None:
        self._desk_seen = self._views.desk_changes
        self._procedures: dict[tuple[str, str | None], Procedure] = {}
        self._calendar: Calendar | None = None
        self._leases: list[Lease] | None = None
        self._orders: list[PolicySet] | None = None
        self._warned: dict[date, tuple[int, tuple[LeaseWarning, ...]]] = {}

    @property
    def latest_at_ms(self) -> int | None:
        """The latest time that any event of the journal bears: the clock may have fallen back."""
        latest = self._transaction.marks.latest_at
        return wire_event.parse_time(latest) if latest else None

    @property
    def person_key(self) -> bytes:
        """The office's secret for recognising people."""
        return self._views.person_key

    @property
    def temperature_max_c(self) -> float | None:
        """What the order in force says that began last."""
        if self._orders is None:
            self._orders = standing.orders(self._conn)
        now_ms = self._transaction.now_ms
        speaking = [
            order
            for order in self._orders
            if order.temperature_max_c is not None
            and to_ms(order.start) <= now_ms
            and (order.until is None or now_ms < to_ms(order.until))
        ]
        if not speaking:
            return None
        return max(speaking, key=lambda order: to_ms(order.start)).temperature_max_c

    def procedure(self, code: str, version: str | None = None) -> Procedure | None:
        """The procedure in that version, else in its newest."""
        if (code, version) not in self._procedures:
            key = code if version is None else f"{code}@{version}"
            found = standing.one(self._conn, "procedure.set", key, Procedure)
            if found is None and version is not None:
                found = standing.one(self._conn, "procedure.set", code, Procedure)
            if found is None:
                return None  # not remembered: whoever asks for what is not there may ask for ever
            if len(self._procedures) >= PROCEDURES_MAX:
                self._procedures.clear()
            self._procedures[code, version] = found
        return self._procedures[code, version]

    def calendar(self) -> Calendar:
        """The calendar that holds now."""
        if self._calendar is None:
            self._calendar = numbers.calendar(self._conn)
        return self._calendar

    def leases(self) -> list[Lease]:
        """Every lease the province granted, oldest first."""
        if self._leases is None:
            self._leases = numbers.leases(self._conn)
        return self._leases

    def number(self, day: date, procedure_field: str) -> NumberOffer | None:
        """The next serial leased for that day and field."""
        return rules.offer(
            self.leases(),
            journal=self._journal,
            day=day,
            procedure_field=procedure_field,
            highest=self._highest_serial,
        )

    def lease_warnings(self, day: date) -> tuple[LeaseWarning, ...]:
        """Whether the leased numbers are about to run out; worked out once a minute."""
        now_ms = self._transaction.now_ms
        known = self._warned.get(day)
        if known is None or abs(now_ms - known[0]) > WARNINGS_MS:
            mine = (self.leases(), self._journal)
            left = rules.left_on(mine[0], journal=mine[1], day=day, highest=self._highest_serial)
            found = rules.lease_warnings(
                mine[0],
                journal=mine[1],
                today=day,
                calendar=self.calendar(),
                left_today=left,
                busiest=counts.busiest(self._conn, day),
            )
            self._warned = {day: (now_ms, found)}
        return self._warned[day][1]

    def book(self, day: date) -> BookRef | None:
        """The next place in the register."""
        return register.next_entry(
            self.leases(), journal=self._journal, day=day, highest=self._highest_number
        )

    def owns_volume(self, volume: int) -> bool:
        """Whether a volume is leased to a journal, so that it cannot be a paper one."""
        return not register.belongs_to_paper(self.leases(), volume)

    def book_taken(self, year: int, volume: int, number: int) -> bool:
        """Whether a dossier stands there already."""
        return dossier_rows.find(self._conn, f"{year}/{volume}/{number}") is not None

    def dossier(self, ref: str) -> FoundDossier | None:
        """Find a dossier by id, code, `year/volume/number`, or this year's `volume/number`."""
        year = office_day(self._transaction.now_ms).year
        return self._dossier(dossier_rows.find(self._conn, ref, year=year))

    def in_conflict(self, conflict: str) -> FoundDossier | None:
        """Find the dossier that has an open conflict with this id."""
        return self._dossier(conflicts.find(self._conn, conflict))

    def _dossier(self, no: int | None) -> FoundDossier | None:
        loaded = self._views.dossiers.get(self._conn, no) if no is not None else None
        if loaded is None:
            return None
        first = loaded.first
        return FoundDossier(self._ref(first), str(first.id), loaded.dossier, self._seen(loaded))

    def _seen(self, loaded: dossier_rows.Loaded) -> str | None:
        """The province's last word that events about a dossier have to show they know."""
        if loaded.dossier.unseen:
            return loaded.dossier.unseen[-1]
        last = loaded.events[-1]
        own = last is loaded.first or last.journal == self._transaction.marks.office
        return None if own else str(last.id)

    def captured(self, path: str) -> Captured | None:
        """The file the command at hand names, captured before its transaction began.

        A waiting scan is asked for here and now: two may want it. Raises Refusal scan-unknown.
        """
        return scans.named(self._conn, path) or self._files.get(path)

    def open_dossier_of(self, id_number: str, procedure_code: str) -> str | None:
        """An open dossier of that person and procedure, by code, else book."""
        person = self._views.dossiers.person(id_number, procedure_code)
        row = self._conn.execute(
            f"SELECT no FROM dossier WHERE person = ? AND state <= {OPEN_STATES} LIMIT 1",  # noqa: S608
            (person,),
        ).fetchone()
        loaded = dossier_rows.load(self._conn, row[0]) if row else None
        return loaded.dossier.code or loaded.dossier.book if loaded else None

    def visit(self, ref: str) -> FoundVisit | None:
        """Find a visit by id."""
        no = visit_rows.find(self._conn, ref)
        return self._found(visit_rows.load(self._conn, no)) if no is not None else None

    def last_visit(self, person: bytes) -> FoundVisit | None:
        """The newest visit of a person."""
        return self._found(visit_rows.last_of(self._conn, person))

    @property
    def _journal(self) -> str:
        identity = self._transaction.identity
        return identity.journal.hex() if identity else ""

    def _found(self, loaded: visit_rows.LoadedVisit | None) -> FoundVisit | None:
        if loaded is None:
            return None
        first = loaded.first
        return FoundVisit(self._ref(first), str(first.id), first.seq, loaded.visit)

    def _ref(self, event: StoredEvent) -> SubjectRef:
        """How an event of the office journal names what this event created."""
        here = event.journal == self._transaction.marks.office
        return event.seq if here else str(event.id)

    def _highest_serial(self, prefix: str, day: date, first: int, last: int) -> int | None:
        return self._views.dossiers.highest_serial(self._conn, prefix, day, first, last)

    def _highest_number(self, year: int, volume: int) -> int | None:
        return self._views.dossiers.highest_number(self._conn, year, volume)
