"""The table of offices, worked out: values in, words out. Nothing here asks anybody anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, get_args
from urllib.parse import urlencode

from msgspec import Struct

from records.search_text import fold
from server.standing import Standing
from server.web.texts import TEXTS, written_age, written_count, written_time
from wire.texts import Lang

PAGE_ROWS: Final = 100
PAGES_MAX: Final = 10_000
WORDS_CHARS_MAX: Final = 100
Sort = Literal["office", "state", "seen", "backlog", "documents", "lag", "agent", "problems"]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
Shown = Literal["fresh", "late", "silent", "never", "pending", "quarantined", "revoked", "none"]
STATES: Final[tuple[Shown, ...]] = get_args(Shown)
TONES: Final[Mapping[str, str]] = {
    "fresh": "good",
    "late": "wait",
    "silent": "bad",
    "pending": "wait",
    "quarantined": "bad",
}
URGENCY: Final = ("quarantined", "silent", "pending", "late", "never", "none", "revoked", "fresh")


class Line(Struct, frozen=True, kw_only=True):
    """One row before it is written: an office and one of its journals, if it has any.

    `documents`: how many of the office's the province lacks, though it holds their events.
    """

    code: str
    name: str
    standing: Standing | None
    problems: int
    documents: int = 0

    @property
    def state(self) -> Shown:
        """How it stands; `none` without a device."""
        return "none" if self.standing is None else self.standing.report.state

    @property
    def backlog(self) -> int:
        """Events the province does not hold yet."""
        return 0 if self.standing is None else self.standing.missing


class Question(Struct, frozen=True, kw_only=True):
    """What a reader wants to see."""

    words: str = ""
    state: Shown | None = None
    sort: Sort = "state"
    backwards: bool = False
    page: int = 1

    def address(self, **changes: object) -> str:
        """Return the address of this question with some of it changed."""
        asked = {
            "q": self.words,
            "state": self.state,
            "sort": self.sort,
            "down": int(self.backwards),
            "page": self.page,
        }
        return "/?" + urlencode({k: v for k, v in (asked | changes).items() if v})


class Heading(Struct, frozen=True):
    """One heading: its words, where a click leads, and how it sorts now (as `aria-sort`)."""

    words: str
    address: str
    sorted: str


class OfficeRow(Struct, frozen=True, kw_only=True):
    """One row as it is written."""

    code: str
    name: str
    tone: str
    state: str
    reason: str
    seen: str
    seen_age: str
    backlog: str
    documents: str
    lag: str
    agent: str
    problems: str


class Tile(Struct, frozen=True, kw_only=True):
    """How many offices stand so, and the address that shows them."""

    words: str
    count: str
    address: str
    tone: str
    chosen: bool


class Overview(Struct, frozen=True, kw_only=True):
    """All that the page shows."""

    tiles: tuple[Tile, ...]
    headings: tuple[Heading, ...]
    rows: tuple[OfficeRow, ...]
    found: str
    before: str | None
    after: str | None


def overview(lines: Sequence[Line], question: Question, now_ms: int, lang: Lang) -> Overview:
    """Work out the page."""
    chosen = [line for line in lines if _matches(line, question)]
    chosen.sort(key=lambda line: (line.code, line.name))
    chosen.sort(key=_keys(now_ms)[question.sort], reverse=question.backwards)
    pages = max(1, -(-len(chosen) // PAGE_ROWS))
    number = min(question.page, pages)  # an address may name a page that is no more
    start = (number - 1) * PAGE_ROWS
    more = start + PAGE_ROWS < len(chosen)
    found = TEXTS["overview.found"].format(count=written_count(len(chosen), lang))
    return Overview(
        tiles=_tiles(lines, question, lang),
        headings=tuple(_heading(sort, question, lang) for sort in SORTS),
        rows=tuple(_row(line, now_ms, lang) for line in chosen[start : start + PAGE_ROWS]),
        found=found.pick(lang),
        before=question.address(page=number - 1) if start else None,
        after=question.address(page=number + 1) if more else None,
    )


def lag_s(standing: Standing, now_ms: int) -> int | None:
    """Return how long the oldest event has waited at the office; None when nothing waits.

    Known as of the report; since then it has waited on.
    """
    if not standing.missing:
        return None
    oldest_s = standing.report.backlog.oldest_age_s or 0
    since_ms = standing.reported_ms or standing.seen_ms or now_ms
    return oldest_s + max(0, now_ms - since_ms) // 1000


def _matches(line: Line, question: Question) -> bool:
    if question.state is not None and line.state != question.state:
        return False
    return fold(question.words) in fold(f"{line.code} {line.name}")


def _keys(now_ms: int) -> Mapping[Sort, Callable[[Line], tuple[int, str]]]:
    def lag(line: Line) -> int:
        return -1 if line.standing is None else lag_s(line.standing, now_ms) or 0

    def seen(line: Line) -> int:
        return 0 if line.standing is None else line.standing.seen_ms or 0

    def agent(line: Line) -> str:
        return "" if line.standing is None else line.standing.report.agent

    return {
        "office": lambda line: (0, fold(line.name)),
        "state": lambda line: (URGENCY.index(line.state), ""),
        "seen": lambda line: (seen(line), ""),
        "backlog": lambda line: (line.backlog, ""),
        "documents": lambda line: (line.documents, ""),
        "lag": lambda line: (lag(line), ""),
        "agent": lambda line: (0, agent(line)),
        "problems": lambda line: (line.problems, ""),
    }


def _tiles(lines: Sequence[Line], question: Question, lang: Lang) -> tuple[Tile, ...]:
    counts = Counter(line.state for line in lines)
    tiles = [
        Tile(
            words=TEXTS["overview.all"].pick(lang),
            count=written_count(len(lines), lang),
            address=question.address(state=None, page=None),
            tone="",
            chosen=question.state is None,
        )
    ]
    tiles += [
        Tile(
            words=TEXTS[f"state.{state}"].pick(lang),
            count=written_count(counts[state], lang),
            address=question.address(state=state, page=None),
            tone=TONES.get(state, ""),
            chosen=question.state == state,
        )
        for state in STATES
        if counts[state] or question.state == state
    ]
    return tuple(tiles)


def _heading(sort: Sort, question: Question, lang: Lang) -> Heading:
    current = question.sort == sort
    down = not question.backwards if current else sort not in ("office", "state")
    state = "none"
    if current:
        state = "descending" if question.backwards else "ascending"
    address = question.address(sort=sort, down=int(down), page=None)
    return Heading(TEXTS[f"overview.{sort}"].pick(lang), address, state)


def _row(line: Line, now_ms: int, lang: Lang) -> OfficeRow:
    standing = line.standing
    seen_ms = None if standing is None else standing.seen_ms
    lag = None if standing is None else lag_s(standing, now_ms)
    ago = "" if seen_ms is None else written_age(max(0, now_ms - seen_ms) // 1000, lang)
    reason = TEXTS["reason.none"] if standing is None else standing.report.reason
    return OfficeRow(
        code=line.code,
        name=line.name,
        tone=TONES.get(line.state, ""),
        state=TEXTS[f"state.{line.state}"].pick(lang),
        reason=reason.pick(lang),
        seen=written_time(seen_ms),
        seen_age=TEXTS["overview.ago"].format(age=ago).pick(lang) if ago else "",
        backlog="–" if seen_ms is None else written_count(line.backlog, lang),
        documents="–" if seen_ms is None else written_count(line.documents, lang),
        lag="–" if lag is None else written_age(lag, lang),
        agent=standing.report.agent if standing is not None and standing.report.agent else "–",
        problems=written_count(line.problems, lang),
    )
