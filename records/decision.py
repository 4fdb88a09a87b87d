"""What `decide` is asked with and what it answers: the seam between rules and the shell."""

from datetime import date
from typing import Protocol

from msgspec import Struct

from records.calendar import Calendar
from records.catalogue import Procedure
from records.codes import BookRef
from records.documents import Captured
from records.dossier import Dossier
from records.leases import LeaseWarning, NumberOffer
from records.values import SubjectRef
from records.visits import Visit
from wire.texts import Text


class FoundDossier(Struct, frozen=True):
    """A dossier as the office knows it: `ref` is the subject of events about it, `id` its UUID.

    `seen` is the id of the province's last word about it, while no event of the office has shown
    yet that it is known here.
    """

    ref: SubjectRef
    id: str
    dossier: Dossier
    seen: str | None = None


class FoundVisit(Struct, frozen=True):
    """A visit as the office knows it; `seq` is that of the event that created it."""

    ref: SubjectRef
    id: str
    seq: int
    visit: Visit


class Facts(Protocol):
    """What a decision may ask. Every question is one look-up in the writer's transaction."""

    @property
    def latest_at_ms(self) -> int | None:
        """The latest time any event of the journal bears; None for an empty journal.

        Not that of the newest event: after a clock fell back, that one is early too.
        """
        ...

    @property
    def person_key(self) -> bytes:
        """The office's secret of 32 bytes for `records.visits.person_key`."""
        ...

    @property
    def temperature_max_c(self) -> float | None:
        """From which temperature an order calls a visitor suspected; None: no order says."""
        ...

    def procedure(self, code: str, version: str | None = None) -> Procedure | None:
        """Return the procedure in that version, else in its newest; None when nobody knows it."""
        ...

    def calendar(self) -> Calendar:
        """Return the calendar that holds now."""
        ...

    def number(self, day: date, procedure_field: str) -> NumberOffer | None:
        """Return the next serial leased for that day and field (records.leases.offer)."""
        ...

    def lease_warnings(self, day: date) -> tuple[LeaseWarning, ...]:
        """Return what records.leases.lease_warnings says; it may be as old as a minute."""
        ...

    def book(self, day: date) -> BookRef | None:
        """Return the next place in the register (records.book.next_entry)."""
        ...

    def owns_volume(self, volume: int) -> bool:
        """Tell whether a volume is leased to a journal, so that it cannot be a paper one."""
        ...

    def book_taken(self, year: int, volume: int, number: int) -> bool:
        """Tell whether a dossier stands there already."""
        ...

    def dossier(self, ref: str) -> FoundDossier | None:
        """Find a dossier by id, code or `year/volume/number`."""
        ...

    def in_conflict(self, conflict: str) -> FoundDossier | None:
        """Find the dossier that has an open conflict with this id."""
        ...

    def captured(self, path: str) -> Captured | None:
        """Return the file that was captured from there just now, or None.

        The same file captured before is known by what is in it: then the older blob is meant.
        """
        ...

    def open_dossier_of(self, id_number: str, procedure_code: str) -> str | None:
        """Name (code, else book) an open dossier of that person and procedure, or None."""
        ...

    def visit(self, ref: str) -> FoundVisit | None:
        """Find a visit by id."""
        ...

    def last_visit(self, person: bytes) -> FoundVisit | None:
        """Find the newest visit of the person with this key."""
        ...


class NewEvent(Struct, frozen=True):
    """An event to append. `subject` None: it creates what it tells of. `retained`: with a salt.

    `seen`: see `FoundDossier`.
    """

    kind: str
    subject: SubjectRef | None
    body: Struct
    retained: bool = False
    seen: str | None = None


class Caution(Struct, frozen=True):
    """Something that was done all the same, and that a person should know: a warning."""

    code: str
    path: str
    message: Text


class Decision(Struct, frozen=True, kw_only=True):
    """What a command leads to.

    `subject` is None when the first event creates it; else `id` is its UUID. `repeated_seq`: the
    command repeats what this event recorded, nothing is appended and its answer is given again.
    The numbers and the due time are those of the dossier after the command.
    """

    events: tuple[NewEvent, ...]
    subject: SubjectRef | None = None
    id: str | None = None
    repeated_seq: int | None = None
    code: str | None = None
    book: str | None = None
    book_year: int | None = None
    due_at: str | None = None
    warnings: tuple[Caution, ...] = ()

    @property
    def repeat(self) -> bool:
        """Whether nothing is recorded because the same was recorded just now."""
        return self.repeated_seq is not None
