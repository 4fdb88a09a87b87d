"""The page of today, worked out: values in, words out. Nothing here asks anybody anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.status import OrderShown, Status
from agent.views.waiting import Waiting
from agent.web.line_words import Tone, line_words
from agent.web.office import Latest
from agent.web.texts import (
    TEXTS,
    written_age,
    written_clock,
    written_count,
    written_day,
    written_time,
)
from records.desk_events import NoticePublished
from records.present import DossierItem, ProblemItem, VisitItem
from records.texts import TEXTS as RECORD_TEXTS
from wire.event import format_time
from wire.texts import Lang

SIGNS: Final[Mapping[str, str]] = {"waiting": "○", "delivered": "✓", "rejected": "!"}
PROBLEMS_SHOWN: Final = 6
"""More than a handful of problems is one problem: the page says how many more there are."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a record is on its way to the province: state for the style, a sign, and words."""

    state: str
    sign: str
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """The state of the line in a sentence, what to do, and what waits."""

    tone: Tone
    sentence: str
    to_do: str
    receipt: str
    waiting: str


@dataclass(frozen=True, slots=True)
class Tile:
    """One count of the day."""

    name: str
    count: str
    alarm: bool


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """What waits of one kind."""

    name: str
    count: str
    age: str


@dataclass(frozen=True, slots=True)
class DossierRow:
    """A dossier in the list of the latest."""

    number: str
    book: str
    applicant: str
    procedure: str
    received_at: str
    received: str
    due: str
    overdue: bool
    state: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class VisitRow:
    """A visit in the list of the latest."""

    name: str
    came: str
    went: str
    method: str
    suspected: bool
    mark: Mark


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice or an order, with the days it is for."""

    order: str
    title: str
    text: str
    span: str


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """Something a person should know, or do something about."""

    since: str
    title: str
    action: str


@dataclass(frozen=True, slots=True)
class Today:
    """All that the page shows."""

    line: Line
    warnings: tuple[str, ...]
    problems: tuple[ProblemRow, ...]
    more_problems: str
    tiles: tuple[Tile, ...]
    waiting: tuple[WaitingRow, ...]
    dossiers: tuple[DossierRow, ...]
    visits: tuple[VisitRow, ...]
    orders: tuple[Notice, ...]
    notices: tuple[Notice, ...]


def line(status: Status, waiting: Sequence[Waiting], now_ms: int, lang: Lang) -> Line:
    """Say in one sentence how the line is, what to do about it, and what waits."""
    words = line_words(status)
    last = status.exchange.last_ok_at
    receipt = (
        TEXTS["line.no-receipt"]
        if last is None
        else TEXTS["line.last-receipt"].format(time=when(last, now_ms))
    )
    return Line(
        tone=words.tone,
        sentence=words.sentence.pick(lang),
        to_do=words.to_do.pick(lang),
        receipt=receipt.pick(lang),
        waiting=_waits(status.backlog, waiting, now_ms, lang),
    )


def problem_rows(
    status: Status, problems: Sequence[ProblemItem], now_ms: int, lang: Lang
) -> tuple[tuple[ProblemRow, ...], str]:
    """Return the newest problems, and how many more there are; none twice on one page."""
    told = line_words(status).told
    left = [item for item in problems if item.id != told]
    rows = tuple(
        ProblemRow(when(item.since, now_ms), item.title.pick(lang), item.action.pick(lang))
        for item in left[:PROBLEMS_SHOWN]
    )
    more = len(left) - len(rows)
    words = TEXTS["problems.more"].format(count=written_count(more, lang)).pick(lang)
    return rows, words if more else ""


def tiles(status: Status, lang: Lang) -> tuple[Tile, ...]:
    """Return the counts of the day; what is overdue alarms."""
    today = status.today
    counts = (
        ("received", today.received),
        ("returned", today.returned),
        ("due", today.due),
        ("overdue", today.overdue),
        ("inside", today.inside),
    )
    return tuple(
        Tile(TEXTS[f"today.{name}"].pick(lang), written_count(count, lang), _alarms(name, count))
        for name, count in counts
    )


def waiting_rows(waiting: Sequence[Waiting], now_ms: int, lang: Lang) -> tuple[WaitingRow, ...]:
    """Return what waits for the province, by kind, with the age of the oldest."""
    return tuple(
        WaitingRow(
            TEXTS[f"waiting-kind.{row.group}"].pick(lang),
            written_count(row.count, lang),
            written_age(max(now_ms - row.oldest_ms, 0) // 1000, lang),
        )
        for row in waiting
        if row.count
    )


def dossier_row(item: DossierItem, now_ms: int, lang: Lang) -> DossierRow:
    """Return a dossier as the list of the latest shows it."""
    book = TEXTS["dossiers.book"].format(book=f"{item.book_year}/{item.book}").pick(lang)
    due = written_time(item.due_at)
    if item.due_at is None:
        key = "no-due" if item.state == "supplement_requested" else "immediate"
        due = TEXTS[f"dossiers.{key}"].pick(lang)
    return DossierRow(
        number=item.code or book,
        book=book if item.code else "",
        applicant=_applicant(item),
        procedure=item.procedure.name or item.procedure.code,
        received_at=item.received_at,
        received=when(item.received_at, now_ms),
        due=due,
        overdue=item.late and item.resolved_at is None,
        state=TEXTS[f"state.{item.state}"].pick(lang),
        mark=mark(item.delivery, item.delivered_at, now_ms, lang),
    )


def visit_row(item: VisitItem, now_ms: int, lang: Lang) -> VisitRow:
    """Return a visit as the list of the latest shows it."""
    if item.out_at is not None:
        went = when(item.out_at, now_ms)
    else:
        went = TEXTS["visits.inside"].pick(lang)
    if item.by == "day_end":
        went += f" ({TEXTS['visits.day-end'].pick(lang)})"
    method = TEXTS.get(f"method.{item.method}")
    return VisitRow(
        name=item.name or TEXTS["visits.unnamed"].pick(lang),
        came="" if item.in_at is None else when(item.in_at, now_ms),
        went=went,
        method="" if method is None else method.pick(lang),
        suspected=bool(item.suspected),
        mark=mark(item.delivery, None, now_ms, lang),
    )


def mark(state: str, delivered_at: str | None, now_ms: int, lang: Lang) -> Mark:
    """Return the delivery mark of a record: ○ not sent, ✓ acknowledged at …, ! sent back."""
    text = TEXTS[f"delivery.{state}"]
    if state == "delivered" and delivered_at is None:
        text = TEXTS["delivery.delivered-untimed"]
    elif delivered_at is not None:
        text = text.format(time=when(delivered_at, now_ms))
    return Mark(state, SIGNS[state], text.pick(lang))


def notice(item: NoticePublished, lang: Lang) -> Notice:
    """Return a notice with its last day."""
    span = ""
    if item.until is not None:
        span = TEXTS["notices.until"].format(day=written_day(str(item.until))).pick(lang)
    return Notice("", item.title, item.text, span)


def order(item: OrderShown, lang: Lang) -> Notice:
    """Return an order in force with its days."""
    span = TEXTS["orders.from"].format(day=written_day(item.from_)).pick(lang)
    if item.until is not None:
        until = TEXTS["notices.until"].format(day=written_day(item.until)).pick(lang)
        span = f"{span} {until}"
    return Notice(item.order, item.title, "", span)


def warnings(status: Status, lang: Lang) -> tuple[str, ...]:
    """Return what a person should look at: the clock, the disk, numbers that run out."""
    found: list[str] = []
    if status.clock.state != "trusted":
        found.append(TEXTS[f"clock.{status.clock.state}"].pick(lang))
    if status.disk.state != "ok":
        found.append(TEXTS[f"disk.{status.disk.state}"].pick(lang))
    found += [
        RECORD_TEXTS[f"caution.{low.code}"]
        .format(days=low.working_days_left, left=written_count(low.left_today, lang))
        .pick(lang)
        for low in status.lease_warnings
    ]
    return tuple(found)


def _alarms(name: str, count: int) -> bool:
    return name == "overdue" and count > 0


def _applicant(item: DossierItem) -> str:
    return item.applicant.full_name or item.applicant.organisation or ""


def _waits(backlog: int, waiting: Sequence[Waiting], now_ms: int, lang: Lang) -> str:
    if backlog == 0:
        return TEXTS["line.nothing-waits"].pick(lang)
    oldest_ms = min((row.oldest_ms for row in waiting if row.count), default=now_ms)
    words = {
        "count": written_count(backlog, lang),
        "time": when(format_time(oldest_ms), now_ms),
    }
    return TEXTS["line.waits-one" if backlog == 1 else "line.waits-many"].format(**words).pick(lang)


def when(at: str, now_ms: int) -> str:
    """Write hour and minute for today, the day too for other days."""
    today = written_day(format_time(now_ms))
    return written_clock(at) if written_day(at) == today else written_time(at)


def today(status: Status, latest: Latest, now_ms: int, lang: Lang) -> Today:
    """Work out the whole page."""
    problems, more_problems = problem_rows(status, latest.problems, now_ms, lang)
    return Today(
        line=line(status, latest.waiting, now_ms, lang),
        warnings=warnings(status, lang),
        problems=problems,
        more_problems=more_problems,
        tiles=tiles(status, lang),
        waiting=waiting_rows(latest.waiting, now_ms, lang),
        dossiers=tuple(dossier_row(item, now_ms, lang) for item in latest.dossiers),
        visits=tuple(visit_row(item, now_ms, lang) for item in latest.visits),
        orders=tuple(order(item, lang) for item in status.orders),
        notices=tuple(notice(item, lang) for item in latest.notices),
    )
