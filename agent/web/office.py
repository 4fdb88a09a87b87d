"""What routes and pages ask about the office's records, answered from the views."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial
from typing import Final

from agent import lookup
from agent.journal.database import Connection
from agent.noticed import problem_item
from agent.status import conditions
from agent.views import lists, reports, standing, visit_rows
from agent.views.lists import DossierList, NamedVisitList, VisitList
from agent.views.problems import ROWS_MAX, ProblemList, problems
from agent.views.search import DossierQuery, sought
from agent.views.waiting import Waiting, WaitingCounts
from agent.web.parts import Parts
from agent.web.queries import Period, VisitQuery
from records.calendar import OFFICE_ZONE
from records.desk_events import NoticePublished
from records.fee_statistics import FeeStatistics, fee_statistics
from records.moment import office_day, to_ms
from records.office_events import PersonLookedUp
from records.present import DossierDetail, DossierItem, ProblemItem, VisitItem
from records.statistics import Completeness, Statistics, statistics
from records.visit_statistics import VisitStatistics, caps, visit_statistics
from wire.problems import Refusal

__all__ = ["DossierList", "Latest", "Office", "ProblemList", "VisitList"]

SOCKET_ACTOR: Final = "device:socket"


@dataclass(frozen=True, slots=True)
class Latest:
    """What the page of today shows of the records."""

    waiting: Sequence[Waiting]
    dossiers: Sequence[DossierItem]
    visits: Sequence[VisitItem]
    notices: Sequence[NoticePublished]
    problems: Sequence[ProblemItem]


class Office:
    """Reads the views on the journal's reading connection."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._waiting = WaitingCounts()

    async def latest(self, rows: int) -> Latest:
        """Return the newest records and what waits."""
        journal, now_ms = self._parts.journal, self._parts.clock.now_ms()
        delivered, head, noticed = journal.delivered, journal.head, self._noticed()
        newest = DossierQuery(limit=rows)
        person_key = self._parts.service.person_key

        def query(connection: Connection) -> Latest:
            return Latest(
                self._waiting.read(connection, delivered, head),
                lists.dossier_page(connection, newest, now_ms, person_key).items,
                lists.visit_page(connection, None, rows).items,
                _current(standing.notices(connection), now_ms),
                merged(noticed, problems(connection)).items,
            )

        return await journal.read(query)

    async def dossiers(self, query: DossierQuery, *, actor: str | None) -> DossierList:
        """Return a page of dossiers; who asks for a person by number is recorded first.

        Raises Refusal when the journal cannot record the look.
        """
        now_ms, person_key = self._parts.clock.now_ms(), self._parts.service.person_key

        def page(connection: Connection) -> DossierList:
            return lists.dossier_page(connection, query, now_ms, person_key)

        found = await self._parts.journal.read(page)
        if sought(query.q).numbers:
            seen = PersonLookedUp(fields="number", found=len(found.items))
            subject = found.items[0].id if found.items else None
            await self._looked(seen, subject, actor)
        return found

    async def dossier(self, ref: str, *, reveal: bool, actor: str | None) -> DossierDetail:
        """Return one dossier; with `reveal`, who looked is recorded before it is shown.

        Raises Refusal `dossier-unknown`, or that of the journal that cannot record the look.
        """
        shown = await self._detail(ref, reveal=False)
        if not reveal:
            return shown
        await self._looked(PersonLookedUp(fields="all"), shown.id, actor)
        return await self._detail(shown.id, reveal=True)

    async def visits(self, query: VisitQuery, *, actor: str | None) -> VisitList | NamedVisitList:
        """Return a page of visits; with identity numbers, who took them is recorded first."""
        find = partial(lists.visit_page, day=query.on, limit=query.limit, after=query.after)
        page = await self._parts.journal.read(find)
        if not query.with_id:
            return page
        named = await self._parts.journal.read(partial(lists.named_visits, page=page))
        found = sum(item.id_number is not None for item in named.items)
        if found:
            seen = PersonLookedUp(fields="id_number", found=found, day=query.on)
            await self._looked(seen, None, actor)
        return named

    async def problems(self) -> ProblemList:
        """Return what a person should look at, from the journal's file and from memory."""
        return merged(self._noticed(), await self._parts.journal.read(problems))

    async def dossier_statistics(self, days: Period) -> Statistics:
        """Return the statistics of the office's dossiers."""
        code, now_ms = self._parts.office_code, self._parts.clock.now_ms()

        def query(connection: Connection) -> Statistics:
            field_of = reports.fields(connection)
            return statistics(
                reports.histories(connection, code),
                reports.declined(connection, code),
                first_day=days.first,
                last_day=days.last,
                now_ms=now_ms,
                field_of=field_of.get,
                completeness=Completeness(offices=1, heard=1),
            )

        return await self._parts.journal.read_apart(query)

    async def visit_statistics(self, days: Period) -> VisitStatistics:
        """Return how many people came on each day, and how full the rooms were."""
        code, now_ms = self._parts.office_code, self._parts.clock.now_ms()

        def query(connection: Connection) -> VisitStatistics:
            orders = standing.orders(connection)
            found = visit_rows.between(connection, days.first, days.last)
            return visit_statistics(
                (loaded.visit for loaded in found),
                office=code,
                first_day=days.first,
                last_day=days.last,
                now_ms=now_ms,
                caps_of=lambda day: caps(orders, to_ms(_noon(day))),
            )

        return await self._parts.journal.read_apart(query)

    async def fee_statistics(self, days: Period) -> FeeStatistics:
        """Return what was paid on each day to each clerk."""
        now_ms = self._parts.clock.now_ms()

        def query(connection: Connection) -> FeeStatistics:
            return fee_statistics(
                reports.payments(connection),
                first_day=days.first,
                last_day=days.last,
                now_ms=now_ms,
            )

        return await self._parts.journal.read_apart(query)

    async def _looked(self, seen: PersonLookedUp, subject: str | None, actor: str | None) -> None:
        parts, who = self._parts, actor or SOCKET_ACTOR
        await lookup.record(parts.journal, parts.clock, seen, subject=subject, actor=who)

    def _noticed(self) -> list[ProblemItem]:
        """Return the problems that stand in no table, those for a person first."""
        standing_now = conditions(self._parts.board.snapshot())
        acts = [problem_item(condition, "act") for condition in standing_now]
        return acts + list(self._parts.noticed.items())

    async def _detail(self, ref: str, *, reveal: bool) -> DossierDetail:
        now_ms = self._parts.clock.now_ms()
        find = partial(lists.dossier_detail, ref=ref, now_ms=now_ms, reveal=reveal)
        found = await self._parts.journal.read(find)
        if found is None:
            raise Refusal("dossier-unknown")
        return found


def merged(noticed: Sequence[ProblemItem], stored: ProblemList) -> ProblemList:
    """Return both as one list, newest first."""
    items = sorted((*noticed, *stored.items), key=lambda item: item.since, reverse=True)
    return ProblemList(tuple(items[:ROWS_MAX]), None)


def _noon(day: date) -> datetime:
    """An order that held at noon is taken for the day's."""
    return datetime.combine(day, time(12), OFFICE_ZONE)


def _current(notices: Sequence[NoticePublished], now_ms: int) -> list[NoticePublished]:
    """Return the notices that hold today, newest first."""
    today = office_day(now_ms)
    held = [notice for notice in notices if notice.until is None or notice.until >= today]
    return held[::-1]
