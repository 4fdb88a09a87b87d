"""The dossier report: how many came in, how they ended, what waits.

Rows are those of docs/interfaces.md "Statistics", worked out in one way for the office and for the
province. In every row, and in the totals:

    carried_in + received
        = resolved_* + refused + withdrawn + stopped + pending_* + waiting_for_papers

because a dossier counts once each side of the sum for each time it is open in the period: it was
open before or came in, and it ended or is open still. A dossier has ended when it is neither worked
on nor waiting for papers; how it ended first is what counts, so that a period that was reported
stays as it was. One that the province sets back to work comes in anew that day
(docs/adr/0017-reopened-dossiers.md). The giving back of its result is counted apart, once it is in
somebody's hands: what is in the post is not given back yet.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct, field

from records.calendar import OFFICE_ZONE
from records.conflicts import Said
from records.desk_events import State
from records.dossier import BY_POST, OPEN, Dossier, Outcome, evolve
from records.due import is_overdue, lateness
from records.moment import local, to_ms
from records.values import Channel, ReturnedBy

Group = Literal["office", "field", "procedure", "channel", "month"]
GROUPS: tuple[Group, ...] = ("office", "field", "procedure", "channel")
"""What rows are kept apart by when nobody says."""


class StatisticsRow(Struct, frozen=True, kw_only=True):
    """One row; what it is not grouped by is None. Money in VND, everything else counts."""

    office: str | None = None
    field: str | None = None
    procedure_code: str | None = None
    channel: Channel | None = None
    carried_in: int = 0
    received: int = 0
    supplement_rounds: int = 0
    resolved_early: int = 0
    resolved_on_time: int = 0
    resolved_late: int = 0
    refused: int = 0
    withdrawn: int = 0
    stopped: int = 0
    pending_in_time: int = 0
    pending_late: int = 0
    waiting_for_papers: int = 0
    declined: int = 0
    returned_direct: int = 0
    returned_online: int = 0
    returned_postal: int = 0
    fees_vnd: int = 0
    overrides: int = 0
    month: str | None = None


COLUMNS: tuple[str, ...] = tuple(
    name for name in StatisticsRow.__struct_fields__ if name != "month"
)
"""The columns of the CSV, in order; grouped by month, `month` stands behind them."""
KEY_COLUMNS = ("office", "field", "procedure_code", "channel", "month")


class Completeness(Struct, frozen=True, kw_only=True):
    """Of how many offices the figures are, from how many they are in, and who was silent."""

    offices: int
    heard: int = field(name="in")
    silent: tuple[str, ...] = ()


class Statistics(Struct, frozen=True, kw_only=True):
    """The report of a period; both days belong to it."""

    first_day: date = field(name="from")
    last_day: date = field(name="to")
    generated_at: str
    completeness: Completeness
    rows: tuple[StatisticsRow, ...]
    totals: StatisticsRow


class Told(NamedTuple):
    """One event about a dossier, in a history in the order of folding. `said`: who says it."""

    kind: str
    body: Struct
    at_ms: int
    said: Said | None = None


class Stand(NamedTuple):
    """Where a dossier stands from `at_ms` on."""

    at_ms: int
    state: State
    due_at_ms: int | None
    outcome: Outcome | None
    ended_at_ms: int | None


class History(Struct, frozen=True, kw_only=True):
    """What the report needs of one dossier: where it stood when, and what happened when."""

    office: str
    procedure_code: str
    channel: Channel
    stands: tuple[Stand, ...]
    overridden: bool = False
    supplements_at_ms: tuple[int, ...] = ()
    returns: tuple[tuple[int, ReturnedBy], ...] = ()
    payments: tuple[tuple[int, int], ...] = ()


class Declined(NamedTuple):
    """Somebody sent away before acceptance."""

    office: str
    procedure_code: str
    at_ms: int


class Period(NamedTuple):
    """A span of moments, `start_ms` inside, `end_ms` outside."""

    start_ms: int
    end_ms: int

    def __contains__(self, at_ms: object) -> bool:
        return isinstance(at_ms, int) and self.start_ms <= at_ms < self.end_ms


def history(office: str, events: Iterable[Told]) -> History:
    """Fold the events of one dossier, in their order (`records.told_order`), into its history.

    Raises:
        Refusal: `dossier-unknown`, when the first event does not create it.
    """
    dossier: Dossier | None = None
    story: History | None = None
    for told in events:
        before = dossier
        dossier = evolve(dossier, told.kind, told.body, told.at_ms, told.said)
        story = told_on(story, office, told, before, dossier)
    if story is None:
        raise ValueError("a history needs an event")
    return story


def told_on(
    story: History | None, office: str, told: Told, before: Dossier | None, after: Dossier
) -> History:
    """Return a history with one more event; it led from the dossier `before` to `after`.

    Clocks go wrong: an event never counts as earlier than the one before it.
    """
    if story is None or before is None:
        return History(
            office=office,
            procedure_code=after.procedure_code,
            channel=after.channel,
            stands=(_stand(after, after.received_at_ms),),
            overridden=after.overridden,
        )
    at_ms = max(told.at_ms, story.stands[-1].at_ms)
    supplements, returns, payments = story.supplements_at_ms, story.returns, story.payments
    if after.supplement_rounds > before.supplement_rounds:
        supplements += (at_ms,)
    if after.state == "returned" and before.state != "returned":
        # The province need not say by which way; then it is the one that was wished for.
        returns += ((at_ms, after.returned_by or after.return_channel),)
    if after.fees_paid_vnd > before.fees_paid_vnd:
        payments += ((at_ms, after.fees_paid_vnd - before.fees_paid_vnd),)
    return History(
        office=office,
        procedure_code=after.procedure_code,
        channel=after.channel,
        stands=(*story.stands, _stand(after, at_ms)),
        overridden=after.overridden,
        supplements_at_ms=supplements,
        returns=returns,
        payments=payments,
    )


def _stand(dossier: Dossier, at_ms: int) -> Stand:
    return Stand(at_ms, dossier.state, dossier.due_at_ms, dossier.outcome, dossier.ended_at_ms)


def statistics(
    histories: Sequence[History],
    declined: Sequence[Declined],
    *,
    first_day: date,
    last_day: date,
    now_ms: int,
    field_of: Callable[[str], str | None],
    completeness: Completeness,
    group: Sequence[Group] = GROUPS,
) -> Statistics:
    """Return the report of `first_day` to `last_day`, both inside, as far as it has passed.

    `field_of` names the field of a procedure code. Grouped by month, each month is a period of
    its own: what waits at its end is carried into the next.
    """
    rows: list[StatisticsRow] = []
    spans = months(first_day, last_day) if "month" in group else ((first_day, last_day),)
    for first, last in spans:
        month = f"{first:%Y-%m}" if "month" in group else None
        tallies: defaultdict[tuple[str | None, ...], Counter[str]] = defaultdict(Counter)
        for key, counts in _counts(histories, declined, period(first, last, now_ms)):
            tallies[_grouped(key, group, field_of)].update(counts)
        rows += [
            _row(key, tally, month)
            for key, tally in sorted(tallies.items(), key=lambda item: _sortable(item[0]))
        ]
    total: Counter[str] = Counter()
    for _, counts in _counts(histories, declined, period(first_day, last_day, now_ms)):
        total.update(counts)
    return Statistics(
        first_day=first_day,
        last_day=last_day,
        generated_at=local(now_ms).isoformat(),
        completeness=completeness,
        rows=tuple(rows),
        totals=_row((None, None, None, None), total, None),
    )


def period(first_day: date, last_day: date, now_ms: int) -> Period:
    """Return the moments of these days in office time, none after now."""
    start_ms = to_ms(datetime.combine(first_day, datetime.min.time(), OFFICE_ZONE))
    after = last_day + timedelta(days=1)
    end_ms = to_ms(datetime.combine(after, datetime.min.time(), OFFICE_ZONE))
    return Period(start_ms, max(start_ms, min(end_ms, now_ms + 1)))


def months(first_day: date, last_day: date) -> tuple[tuple[date, date], ...]:
    """Cut a span of days at the ends of months."""
    spans = []
    while first_day <= last_day:
        following = (first_day.replace(day=1) + timedelta(days=32)).replace(day=1)
        spans.append((first_day, min(last_day, following - timedelta(days=1))))
        first_day = following
    return tuple(spans)


Key = tuple[str, str, str]
"""Office, procedure code, channel."""


def _counts(
    histories: Sequence[History], declined: Sequence[Declined], span: Period
) -> Iterator[tuple[Key, Mapping[str, int]]]:
    for dossier in histories:
        counts = count(dossier, span)
        if counts:
            yield (dossier.office, dossier.procedure_code, dossier.channel), counts
    for away in declined:
        if away.at_ms in span:
            # Forms 02 and 03 before acceptance are handed over at the counter.
            yield (away.office, away.procedure_code, "direct"), {"declined": 1}


def count(dossier: History, span: Period) -> Mapping[str, int]:
    """Return what one dossier adds to the figures of a period, nothing for none."""
    counts: Counter[str] = Counter()
    for began_ms, end in _open_times(dossier):
        if began_ms >= span.end_ms or (end is not None and end.at_ms < span.start_ms):
            continue
        counts["received" if began_ms in span else "carried_in"] += 1
        over = end is not None and end.at_ms < span.end_ms
        counts[_ending(end) if end and over else _pending(dossier, span.end_ms)] += 1
    counts["supplement_rounds"] = sum(at_ms in span for at_ms in dossier.supplements_at_ms)
    for at_ms, by in dossier.returns:
        if at_ms in span:
            counts[f"returned_{'postal' if by in BY_POST else by}"] += 1
    counts["fees_vnd"] = sum(vnd for at_ms, vnd in dossier.payments if at_ms in span)
    counts["overrides"] = int(dossier.overridden and dossier.stands[0].at_ms in span)
    return +counts


def _open_times(dossier: History) -> Iterator[tuple[int, Stand | None]]:
    """Give each time a dossier is open: the moment it began, and the stand that ended it."""
    began_ms: int | None = None
    for stand in dossier.stands:
        if stand.state in OPEN:
            began_ms = stand.at_ms if began_ms is None else began_ms
        elif began_ms is not None:
            yield began_ms, stand
            began_ms = None
    if began_ms is not None:
        yield began_ms, None


def _pending(dossier: History, end_ms: int) -> str:
    place = bisect_left(dossier.stands, end_ms, key=lambda stand: stand.at_ms)
    stand = dossier.stands[place - 1]
    if stand.state == "supplement_requested":
        return "waiting_for_papers"
    due = None if stand.due_at_ms is None else local(stand.due_at_ms)
    return "pending_late" if is_overdue(due, local(end_ms - 1)) else "pending_in_time"


def _ending(stand: Stand) -> str:
    if stand.outcome != "resolved":
        return str(stand.outcome)
    due = None if stand.due_at_ms is None else local(stand.due_at_ms)
    ended = local(stand.at_ms if stand.ended_at_ms is None else stand.ended_at_ms)
    return f"resolved_{'on_time' if due is None else lateness(due, ended)}"


def _grouped(
    key: Key, group: Sequence[Group], field_of: Callable[[str], str | None]
) -> tuple[str | None, ...]:
    office, procedure_code, channel = key
    return (
        office if "office" in group else None,
        field_of(procedure_code) if "field" in group else None,
        procedure_code if "procedure" in group else None,
        channel if "channel" in group else None,
    )


def _sortable(key: tuple[str | None, ...]) -> tuple[str, ...]:
    return tuple(part or "" for part in key)


def _row(key: tuple[str | None, ...], tally: Mapping[str, int], month: str | None) -> StatisticsRow:
    keys = dict(zip(KEY_COLUMNS, (*key, month), strict=True))
    return msgspec.convert({**tally, **keys}, StatisticsRow)
