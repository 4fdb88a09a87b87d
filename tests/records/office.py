"""An office in memory: answers what `decide` asks, and keeps what it recorded."""

import json
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from records import visits
from records.calendar import Calendar
from records.catalogue import Procedure
from records.codes import BookRef, parse_book_ref
from records.commands import parse
from records.decide import decide
from records.decision import Decision, FoundDossier, FoundVisit
from records.documents import Captured
from records.dossier import Dossier, evolve
from records.events import decode_body
from records.fees import Fee
from records.leases import LeaseWarning, NumberOffer
from records.moment import ClockState, Moment, office_day, to_ms
from records.office_events import VisitCheckedIn, VisitCheckedOut
from records.values import SubjectRef

FRIDAY = "2026-11-20T10:00:00+07:00"
KEY = bytes(32)

PROCEDURES = (
    Procedure(
        code="1.001193",
        name="Thủ tục đăng ký khai sinh",
        field="Hộ tịch",
        working_days=0,
        fee=Fee(rule="none"),
        version="2026-11",
    ),
    Procedure(
        code="1.000001",
        name="Thủ tục năm ngày",
        field="Đất đai",
        working_days=5,
        fee=Fee(rule="fixed", amount_vnd=30_000),
        version="2026-11",
    ),
    Procedure(
        code="1.000002",
        name="Thủ tục không ghi thời hạn",
        field="Đất đai",
        must_collect=True,
        channels=("direct",),
        version="2026-11",
    ),
    Procedure(
        code="2.000815",
        name="Chứng thực bản sao",
        field="Chứng thực",
        working_days=0,
        fee=Fee(
            rule="per_page", first_pages=2, first_vnd=2000, next_vnd=1000, max_per_copy_vnd=200_000
        ),
        version="2026-11",
    ),
)
APPLICANT = {"full_name": "Nguyễn Thị Ngọc Hà", "id_number": "001184000017"}


def captured(blob: str, **members: Any) -> Captured:
    """A file that was captured: `blob` is the byte its id is made of."""
    known: dict[str, Any] = {"bytes": 9, "media_type": "application/pdf"} | members
    return Captured(blob_id=blob * 32, key="A" * 43, sha256="5a" * 32, **known)


class Written(NamedTuple):
    """One event as it stands in the journal: `body` as bytes."""

    seq: int
    kind: str
    subject: SubjectRef
    body: bytes
    at_ms: int


class Office:
    """Facts over plain dictionaries; `submit` goes the whole way from a line of JSON."""

    def __init__(self, at: str = FRIDAY) -> None:
        self.now_ms = to_ms(datetime.fromisoformat(at))
        self.clock_state: ClockState = "trusted"
        self.fresh_boot = False
        self.procedures = {procedure.code: procedure for procedure in PROCEDURES}
        self.leased = range(1, 1000)
        self.lease_prefix: str | None = "H26.107"
        self.warnings: tuple[LeaseWarning, ...] = ()
        self.volume: int | None = 1
        self.journal: list[Written] = []
        self.dossiers: dict[int, Dossier] = {}
        self.visits: dict[int, visits.Visit] = {}
        self.persons: dict[bytes, int] = {}
        self.serials: dict[date, int] = {}
        self.temperature_max_c: float | None = None
        self.files: dict[str, Captured] = {"/scans/1.pdf": captured("b1")}

    person_key = KEY

    def wait(self, **span: float) -> None:
        self.now_ms += round(timedelta(**span).total_seconds() * 1000)

    @property
    def moment(self) -> Moment:
        return Moment(self.now_ms, self.clock_state, self.fresh_boot)

    def submit(self, type_: str, **members: Any) -> Decision:
        line = json.dumps({"type": type_, **members}, ensure_ascii=False).encode()
        submission = parse(line, today=office_day(max(self.now_ms, self.latest_at_ms or 0)))
        decision = decide(submission.command, self, self.moment)
        for event in decision.events:
            self.append(event.kind, event.subject, event.body)
        return decision

    def receive(self, procedure_code: str = "1.000001", **members: Any) -> Decision:
        whole = {
            "procedure_code": procedure_code,
            "channel": "direct",
            "return_channel": "direct",
            "applicant": APPLICANT,
        }
        return self.submit("dossier.receive", **(whole | members))

    def append(self, kind: str, subject: SubjectRef | None, body: Struct) -> None:
        seq = len(self.journal) + 1
        about = seq if subject is None else subject
        self.journal.append(Written(seq, kind, about, msgspec.json.encode(body), self.now_ms))
        self.fold(self.journal[-1])

    def fold(self, written: Written) -> None:
        body = decode_body(written.kind, written.body)
        subject = written.subject
        assert isinstance(subject, int)
        if written.kind.startswith("visit."):
            visit = visits.evolve(self.visits.get(subject), written.kind, body, written.at_ms)
            self.visits[subject] = visit
            visitor = body.visitor if isinstance(body, VisitCheckedIn | VisitCheckedOut) else None
            person = visitor and visits.person_key(visitor, KEY)
            if person:
                self.persons[person] = subject
        elif written.kind not in {"dossier.declined", "clock.observed"}:
            before = self.dossiers.get(subject)
            self.dossiers[subject] = evolve(before, written.kind, body, written.at_ms)

    def only(self) -> Dossier:
        """The one dossier there is."""
        (dossier,) = self.dossiers.values()
        return dossier

    @property
    def latest_at_ms(self) -> int | None:
        return max((written.at_ms for written in self.journal), default=None)

    def procedure(self, code: str, version: str | None = None) -> Procedure | None:
        return self.procedures.get(code)

    def calendar(self) -> Calendar:
        return Calendar()

    def number(self, day: date, procedure_field: str) -> NumberOffer | None:
        used = sum(f"-{day:%y%m%d}-" in (d.code or "") for d in self.dossiers.values())
        if self.lease_prefix is None or used >= len(self.leased):
            return None
        return NumberOffer(self.lease_prefix, day, self.leased[used], 4)

    def lease_warnings(self, day: date) -> tuple[LeaseWarning, ...]:
        return self.warnings

    def book(self, day: date) -> BookRef | None:
        if self.volume is None:
            return None
        highest = max(
            (
                dossier.number or 0
                for dossier in self.dossiers.values()
                if (dossier.book_year, dossier.volume) == (day.year, self.volume)
            ),
            default=0,
        )
        return BookRef(day.year, self.volume, highest + 1)

    def owns_volume(self, volume: int) -> bool:
        return volume == self.volume

    def book_taken(self, year: int, volume: int, number: int) -> bool:
        place = (year, volume, number)
        return any((d.book_year, d.volume, d.number) == place for d in self.dossiers.values())

    def dossier(self, ref: str) -> FoundDossier | None:
        place = parse_book_ref(ref)
        for seq, dossier in self.dossiers.items():
            if ref in {dossier.code, str(UUID(int=seq))} or (
                place and place[1:] == (dossier.volume, dossier.number)
            ):
                return FoundDossier(seq, str(UUID(int=seq)), dossier)
        return None

    def in_conflict(self, conflict: str) -> FoundDossier | None:
        for seq, dossier in self.dossiers.items():
            if any(kept.id == conflict.lower() for kept in dossier.kept):
                return FoundDossier(seq, str(UUID(int=seq)), dossier)
        return None

    def captured(self, path: str) -> Captured | None:
        return self.files.get(path)

    def open_dossier_of(self, id_number: str, procedure_code: str) -> str | None:
        for dossier in self.dossiers.values():
            same = (dossier.applicant.id_number, dossier.procedure_code)
            if dossier.is_open and same == (id_number, procedure_code):
                return dossier.code or dossier.book
        return None

    def visit(self, ref: str) -> FoundVisit | None:
        for seq in self.visits:
            if ref == str(UUID(int=seq)):
                return self._found_visit(seq)
        return None

    def last_visit(self, person: bytes) -> FoundVisit | None:
        seq = self.persons.get(person)
        return None if seq is None else self._found_visit(seq)

    def _found_visit(self, seq: int) -> FoundVisit:
        return FoundVisit(seq, str(UUID(int=seq)), seq, self.visits[seq])
