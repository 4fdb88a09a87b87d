"""Made-up journals: what `records.synthetic` becomes when the real rules decide about it.

A `Memory` answers the questions of `records.decide` from plain dictionaries, so the events have
exactly the shape of an office's own, down to numbers, due times and salts.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import count, islice

import msgspec

from records import dossier as dossiers
from records import visits
from records.calendar import OFFICE_ZONE, Calendar, shipped
from records.catalogue import Procedure
from records.catalogue import load as load_catalogue
from records.codes import BookRef
from records.command_types import Command as TypedCommand
from records.decide import decide
from records.decision import FoundDossier, FoundVisit, NewEvent
from records.documents import Captured
from records.leases import LeaseWarning, NumberOffer
from records.moment import Moment, to_ms
from records.office_events import VisitCheckedIn
from records.synthetic import FIRST_DAY, Command, People, work
from records.synthetic_lists import Place, lists
from records.values import SubjectRef
from wire.event import Event, body_of, encode, format_time
from wire.limits import SALT_BYTES

_OPENING = time(7, 30)
_VOLUME = 1


def events(
    seed: int,
    count: int,
    *,
    today: date = FIRST_DAY,
    place: Place | None = None,
    everyday: bool = False,
) -> list[bytes]:
    """Return the first events of a made-up journal.

    Only dossiers received and check-ins, about 520 bytes each; with `everyday` all that an office
    does, whose later events are shorter.
    """
    office = SyntheticOffice(seed, today, place or lists().sandbox, everyday=everyday)
    return list(islice(office.events(), count))


class Memory:
    """What an office knows: answers the questions of `records.decision.Facts`."""

    person_key = bytes(32)
    temperature_max_c: float | None = None

    def __init__(self, place: Place) -> None:
        self.latest_at_ms: int | None = None
        self._place = place
        self._calendar = Calendar().with_set(shipped().body)
        self._catalogue = load_catalogue()
        self._dossiers: dict[str, FoundDossier] = {}
        self._visits: dict[bytes, FoundVisit] = {}
        self._refs: dict[SubjectRef, str] = {}
        self._people: dict[SubjectRef, bytes] = {}
        self._numbers = 0
        self._serials: dict[date, int] = {}

    def procedure(self, code: str, version: str | None = None) -> Procedure | None:
        """Return the procedure of the shipped catalogue, whatever the version."""
        del version
        return self._catalogue.get(code)

    def calendar(self) -> Calendar:
        """Return the shipped calendar."""
        return self._calendar

    def number(self, day: date, procedure_field: str) -> NumberOffer | None:
        """Return the next serial of the day; civil status is numbered by another system."""
        if procedure_field.startswith("Hộ tịch"):
            return None
        self._serials[day] = self._serials.get(day, 0) + 1
        return NumberOffer(self._place.code, day, self._serials[day], 4)

    def lease_warnings(self, day: date) -> tuple[LeaseWarning, ...]:
        """Return nothing: there are always enough."""
        del day
        return ()

    def book(self, day: date) -> BookRef | None:
        """Return the next place in the register."""
        self._numbers += 1
        return BookRef(day.year, _VOLUME, self._numbers)

    def owns_volume(self, volume: int) -> bool:
        """Tell whether it is the volume of this journal."""
        return volume == _VOLUME

    def book_taken(self, year: int, volume: int, number: int) -> bool:
        """Tell whether a dossier stands there."""
        return f"{year}/{volume}/{number}" in self._dossiers

    def dossier(self, ref: str) -> FoundDossier | None:
        """Find a dossier by its place in the register."""
        return self._dossiers.get(ref)

    def in_conflict(self, conflict: str) -> FoundDossier | None:
        """There are no conflicts in a made-up office."""
        del conflict
        return None

    def captured(self, path: str) -> Captured | None:  # noqa: ARG002
        """Made-up offices scan nothing."""
        return None

    def open_dossier_of(self, id_number: str, procedure_code: str) -> str | None:
        """Return nothing: nobody comes twice for the same."""
        del id_number, procedure_code
        return None

    def visit(self, ref: str) -> FoundVisit | None:
        """Return nothing: visits are named by the visitor here."""
        del ref
        return None

    def last_visit(self, person: bytes) -> FoundVisit | None:
        """Find the newest visit of somebody."""
        return self._visits.get(person)

    def inside(self) -> list[FoundVisit]:
        """Return the visits that nobody ended, oldest first."""
        return [found for found in self._visits.values() if found.visit.is_inside]

    def take_in(self, seq: int, event: NewEvent, at_ms: int) -> None:
        """Remember an event that was recorded at `seq`."""
        self.latest_at_ms = at_ms
        if event.kind.startswith("visit."):
            self._take_in_visit(seq, event, at_ms)
        elif event.kind == "dossier.received":
            dossier = dossiers.evolve(None, event.kind, event.body, at_ms)
            self._refs[seq] = f"{dossier.book_year}/{dossier.book}"
            self._dossiers[self._refs[seq]] = FoundDossier(seq, f"#{seq}", dossier)
        elif event.subject is not None:
            ref = self._refs[event.subject]
            found = self._dossiers[ref]
            after = dossiers.evolve(found.dossier, event.kind, event.body, at_ms)
            self._dossiers[ref] = FoundDossier(found.ref, found.id, after)

    def _take_in_visit(self, seq: int, event: NewEvent, at_ms: int) -> None:
        if isinstance(event.body, VisitCheckedIn):
            person = visits.person_key(event.body.visitor, self.person_key)
            if person is not None:
                self._people[seq] = person
                visit = visits.evolve(None, event.kind, event.body, at_ms)
                self._visits[person] = FoundVisit(seq, f"#{seq}", seq, visit)
        elif event.subject is not None:
            person = self._people[event.subject]
            found = self._visits[person]
            visit = visits.evolve(found.visit, event.kind, event.body, at_ms)
            self._visits[person] = FoundVisit(found.ref, found.id, found.seq, visit)


class SyntheticOffice:
    """One office at work, day after day."""

    def __init__(self, seed: int, today: date, place: Place, *, everyday: bool) -> None:
        self._people = People(seed, today, place)
        self._memory = Memory(place)
        self._everyday = everyday
        self._now = self._opening(today)
        self._seq = count(1)

    def events(self) -> Iterator[bytes]:
        """Give the events of the journal without end."""
        for command in self._commands():  # pragma: no branch - it has no end
            yield from self._pass_time()
            typed = msgspec.convert(command, TypedCommand)
            actor = self._actor(command)
            for event in decide(typed, self._memory, Moment(self._now_ms())).events:
                yield self._record(event, actor)

    def _commands(self) -> Iterator[Command]:
        if self._everyday:
            yield from work(self._people, _VOLUME, 1)
        while True:
            yield self._people.intake()

    def _actor(self, command: Command) -> str:
        scanned = command.get("method") == "id_card_qr" or command["type"] == "visit.check_out"
        return "device:door" if scanned else self._people.pick(self._people.place.clerks)

    def _record(self, new: NewEvent, actor: str) -> bytes:
        seq = next(self._seq)
        self._memory.take_in(seq, new, self._now_ms())
        return encode(
            Event(
                kind=new.kind,
                subject=new.subject,
                at=format_time(self._now_ms()),
                actor=actor,
                body=body_of(new.body),
                salt=self._salt() if new.retained else None,
            )
        )

    def _salt(self) -> str:
        salt = self._people.dice.randbytes(SALT_BYTES)
        return urlsafe_b64encode(salt).rstrip(b"=").decode()

    def _now_ms(self) -> int:
        return to_ms(self._now)

    def _pass_time(self) -> Iterator[bytes]:
        """Let some minutes pass; at closing end the day and go on at the next opening."""
        self._now += timedelta(seconds=int(self._people.dice.expovariate(1 / 150)) + 61)
        calendar = self._memory.calendar()
        if self._now < calendar.closing(self._now.date()):
            return
        self._now = calendar.closing(self._now.date()) + visits.AFTER_CLOSING
        if self._everyday:
            yield from self._end_visits()
        self._people.today = calendar.next_working(self._people.today)
        self._now = self._opening(self._people.today)

    def _end_visits(self) -> Iterator[bytes]:
        now_ms, calendar = self._now_ms(), self._memory.calendar()
        ended = [
            NewEvent("visit.ended", found.ref, body, retained=True)
            for found in self._memory.inside()
            if (body := visits.day_end(found.visit, now_ms, calendar)) is not None
        ]
        for event in ended:
            yield self._record(event, "device:clock")

    def _opening(self, day: date) -> datetime:
        return datetime.combine(day, _OPENING, OFFICE_ZONE)
