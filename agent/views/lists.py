"""Lists and single records as readers get them, each with where it stands on its way.

A row of a view finds; what is shown is folded anew from the events, a page at a time. A record is
delivered when a verified receipt covers every event that the office wrote about it, and rejected
when the province has sent one of them back.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import partial
from typing import NamedTuple

import msgspec

from agent.journal.database import Connection
from agent.views import documents, dossier_rows, standing, stored, visit_rows
from agent.views.dossier_rows import Loaded, day_number
from agent.views.search import DossierQuery, find_numbers
from agent.views.stored import StoredEvent
from agent.views.visit_rows import LoadedVisit
from records import present
from records.catalogue import Procedure
from records.office_events import VisitCheckedIn, VisitCheckedOut
from records.present import (
    Delivery,
    DeliveryMark,
    DossierDetail,
    DossierItem,
    EventItem,
    NamedVisitItem,
    VisitItem,
)


class DossierList(msgspec.Struct, frozen=True):
    """A page of dossiers, newest first; `next` is None on the last one."""

    items: tuple[DossierItem, ...]
    next: str | None


class VisitList(msgspec.Struct, frozen=True):
    """A page of visits, newest first; `next` is None on the last one."""

    items: tuple[VisitItem, ...]
    next: str | None


class NamedVisitList(msgspec.Struct, frozen=True):
    """A page of visits with identity numbers."""

    items: tuple[NamedVisitItem, ...]
    next: str | None


class Marks(NamedTuple):
    """Up to where the office journals are delivered: (journal, seq), and which are ours."""

    delivered: dict[int, int]

    @classmethod
    def read(cls, connection: Connection) -> "Marks":
        """Read the marks of all office journals of this device."""
        rows = connection.execute("SELECT journal, max(seq) FROM delivered GROUP BY journal")
        return cls({int(journal): int(seq) for journal, seq in rows})

    def of(self, connection: Connection, events: Sequence[StoredEvent]) -> DeliveryMark:
        """Tell where a record with these events stands."""
        ours = [event for event in events if self._ours(connection, event)]
        rejected = _rejected(connection, ours)
        if rejected:
            return DeliveryMark("rejected", None, rejected)
        last = max(ours, key=lambda event: event.pos, default=None)
        if last is None:
            return DeliveryMark("delivered")
        if any(not self.covers(event) for event in ours):
            return DeliveryMark("waiting")
        return DeliveryMark("delivered", _delivered_at(connection, last))

    def covers(self, event: StoredEvent) -> bool:
        """Tell whether a receipt covers an event that the office wrote."""
        return event.seq <= self.delivered.get(event.journal, 0)

    def _ours(self, connection: Connection, event: StoredEvent) -> bool:
        if event.journal in self.delivered:
            return True
        row = connection.execute("SELECT side FROM journal WHERE no = ?", (event.journal,))
        return bool(row.fetchone()[0] == "office")


def dossier_page(
    connection: Connection, query: DossierQuery, now_ms: int, person_key: bytes
) -> DossierList:
    """Return one page of the dossiers that a query asks for, masked.

    `person_key`: the office's secret under which people's numbers are found.
    """
    numbers = find_numbers(connection, query, now_ms, person_key)
    marks, procedures = Marks.read(connection), _Procedures(connection)
    loaded = (dossier_rows.load(connection, no) for no in numbers[: query.limit])
    items = tuple(
        _dossier_item(connection, found, marks, procedures, now_ms)
        for found in loaded
        if found is not None
    )
    more = len(numbers) > query.limit
    return DossierList(items, str(numbers[query.limit - 1]) if more else None)


def dossier_detail(
    connection: Connection, ref: str, now_ms: int, *, reveal: bool = False
) -> DossierDetail | None:
    """Return the dossier that an id, a code or `year/volume/number` names, with its events."""
    no = dossier_rows.find(connection, ref)
    found = None if no is None else dossier_rows.load(connection, no)
    if found is None:
        return None
    marks = Marks.read(connection)
    procedures = _Procedures(connection)
    item = _dossier_item(connection, found, marks, procedures, now_ms, reveal=reveal)
    events = (_event_item(connection, event, marks, reveal=reveal) for event in found.events)
    shown = tuple(event for event in events if event is not None)
    return present.dossier_detail(item, shown, found.dossier.kept)


def dossier_names(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """Return code, else book, of the dossiers among the things that these ids name."""
    names: dict[str, str] = {}
    for id_ in ids:
        no = dossier_rows.find(connection, id_)
        found = None if no is None else dossier_rows.load(connection, no)
        if found is not None:
            names[id_] = found.dossier.code or found.dossier.book or ""
    return names


def visit_page(
    connection: Connection, day: date | None, limit: int, after: int | None = None
) -> VisitList:
    """Return one page of the visits of a day (None: of all days)."""
    where, values = ["1"], list[int]()
    if day is not None:
        where.append("day = ?")
        values.append(day_number(day))
    if after is not None:
        where.append("no < ?")
        values.append(after)
    rows = connection.execute(
        f"SELECT no FROM visit WHERE {' AND '.join(where)} ORDER BY no DESC LIMIT ?",  # noqa: S608
        (*values, limit + 1),
    )
    numbers = [int(no) for (no,) in rows]
    marks = Marks.read(connection)
    loaded = (visit_rows.load(connection, no) for no in numbers[:limit])
    items = tuple(_visit_item(connection, found, marks) for found in loaded if found is not None)
    return VisitList(items, str(numbers[limit - 1]) if len(numbers) > limit else None)


def named_visits(connection: Connection, page: VisitList) -> NamedVisitList:
    """Return a page of visits with the identity numbers that were given at the door."""
    items = tuple(
        NamedVisitItem(**msgspec.structs.asdict(item), id_number=_id_number(connection, item.id))
        for item in page.items
    )
    return NamedVisitList(items, page.next)


def _id_number(connection: Connection, visit: str) -> str | None:
    no = visit_rows.find(connection, visit)
    loaded = None if no is None else visit_rows.load(connection, no)
    first = None if loaded is None else stored.read(loaded.first)
    body = None if first is None else first.body
    if not isinstance(body, VisitCheckedIn | VisitCheckedOut) or body.visitor is None:
        return None
    return body.visitor.id_number


class _Procedures:
    """Names of procedures, each looked up once a page."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._found: dict[tuple[str, str | None], Procedure | None] = {}

    def get(self, code: str, version: str | None) -> Procedure | None:
        key = (code, version)
        if key not in self._found:
            named = code if version is None else f"{code}@{version}"
            self._found[key] = standing.one(self._connection, "procedure.set", named, Procedure)
        return self._found[key]


def _dossier_item(
    connection: Connection,
    found: Loaded,
    marks: Marks,
    procedures: _Procedures,
    now_ms: int,
    *,
    reveal: bool = False,
) -> DossierItem:
    dossier = found.dossier
    return present.dossier_item(
        str(found.first.id),
        dossier,
        procedure=procedures.get(dossier.procedure_code, dossier.version),
        mark=marks.of(connection, found.events),
        now_ms=now_ms,
        arrived=partial(documents.is_arrived, connection),
        reveal=reveal,
    )


def _visit_item(connection: Connection, found: LoadedVisit, marks: Marks) -> VisitItem:
    delivery = marks.of(connection, found.events).delivery
    return present.visit_item(str(found.first.id), found.visit, delivery=delivery)


def _event_item(
    connection: Connection, event: StoredEvent, marks: Marks, *, reveal: bool
) -> EventItem | None:
    read = stored.read(event)
    if read is None:
        return None
    delivery: Delivery = marks.of(connection, (event,)).delivery
    body = read.event.body if reveal else present.masked_body(read.event.body)
    return EventItem(
        id=str(event.id),
        kind=read.event.kind,
        at=read.event.at,
        actor=read.event.actor,
        body=body,
        delivery=delivery,
    )


def _rejected(connection: Connection, events: Iterable[StoredEvent]) -> int:
    return sum(
        connection.execute("SELECT 1 FROM rejected WHERE pos = ?", (event.pos,)).fetchone()
        is not None
        for event in events
    )


def _delivered_at(connection: Connection, event: StoredEvent) -> int | None:
    row = connection.execute(
        "SELECT at_ms FROM delivered WHERE journal = ? AND seq >= ? ORDER BY seq LIMIT 1",
        (event.journal, event.seq),
    ).fetchone()
    return None if row is None else int(row[0])
