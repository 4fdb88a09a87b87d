"""Lists and single records as readers get them, each with where it stands on its way.

A row of a view finds; what is shown is folded anew from the events, a page at a time. A record is
delivered when a verified receipt covers every event that the office wrote about it, and rejected
when the province has sent one of them back.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

import msgspec

from agent.journal.database import Connection
from agent.views import dossier_rows, standing, stored, visit_rows
from agent.views.dossier_rows import CHANNEL_NO, STATE_NO, Loaded, day_number
from agent.views.stored import StoredEvent
from agent.views.tables import OPEN_STATES
from agent.views.visit_rows import LoadedVisit
from records import present
from records.calendar import OFFICE_ZONE
from records.catalogue import Procedure
from records.moment import local, to_ms
from records.present import (
    Delivery,
    DeliveryMark,
    DossierDetail,
    DossierItem,
    EventItem,
    VisitItem,
)
from records.search_text import fold

WORDS_MAX: Final = 8
"""Words of a search; each costs a pass over what the others left."""


class DossierQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What of the dossiers is asked for.

    `due`: `today`, `overdue`, or a day as YYYY-MM-DD. `after`: the cursor of the page before.
    """

    q: str = ""
    state: tuple[str, ...] = ()
    due: str | None = None
    channel: str | None = None
    limit: int = 50
    after: int | None = None


class DossierList(msgspec.Struct, frozen=True):
    """A page of dossiers, newest first; `next` is None on the last one."""

    items: tuple[DossierItem, ...]
    next: str | None


class VisitList(msgspec.Struct, frozen=True):
    """A page of visits, newest first; `next` is None on the last one."""

    items: tuple[VisitItem, ...]
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


def dossier_page(connection: Connection, query: DossierQuery, now_ms: int) -> DossierList:
    """Return one page of the dossiers that a query asks for, masked."""
    numbers = _dossier_numbers(connection, query, now_ms)
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
    return present.dossier_detail(item, tuple(event for event in events if event is not None))


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


def _dossier_numbers(connection: Connection, query: DossierQuery, now_ms: int) -> list[int]:
    """Find one number more than the page holds."""
    exact = dossier_rows.find(connection, query.q.strip()) if query.q.strip() else None
    where, values = ["1"], list[object]()
    if exact is not None:
        where.append("no = ?")
        values.append(exact)
    else:
        for word in fold(query.q).split()[:WORDS_MAX]:
            where.append("instr(search, ?) > 0")
            values.append(word)
    if query.state:
        where.append(f"state IN ({', '.join('?' * len(query.state))})")
        values += [STATE_NO[state] for state in query.state]
    if query.channel is not None:
        where.append("channel = ?")
        values.append(CHANNEL_NO[query.channel])
    if query.due is not None:
        low_s, high_s = _due_span(query.due, now_ms)
        where.append("state <= ? AND due_s IS NOT NULL AND due_s >= ? AND due_s < ?")
        values += [OPEN_STATES, low_s, high_s]
    if query.after is not None:
        where.append("no < ?")
        values.append(query.after)
    rows = connection.execute(
        f"SELECT no FROM dossier WHERE {' AND '.join(where)} ORDER BY no DESC LIMIT ?",  # noqa: S608
        (*values, query.limit + 1),
    )
    return [int(no) for (no,) in rows]


def _due_span(due: str, now_ms: int) -> tuple[int, int]:
    """Return the seconds a due time lies between: [low, high)."""
    now_s = now_ms // 1000
    if due == "overdue":
        return 0, now_s
    day = local(now_ms).date() if due == "today" else date.fromisoformat(due)
    start = to_ms(datetime.combine(day, time.min, OFFICE_ZONE)) // 1000
    end = to_ms(datetime.combine(day + timedelta(days=1), time.min, OFFICE_ZONE)) // 1000
    return (max(start, now_s) if due == "today" else start), end


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
