"""The page of the line to the province, worked out: values in, words out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.status import Status
from agent.sticks import Stick
from agent.views.exchanges import Hour
from agent.views.waiting import Waiting
from agent.web.line_words import Tone
from agent.web.saving_words import saving_words
from agent.web.texts import TEXTS, written_clock, written_count, written_time
from agent.web.today import Line, WaitingRow, line, waiting_rows, when
from wire.event import format_time
from wire.problems import CATALOGUE
from wire.texts import Lang, Text

STEP_BYTES: Final = 1000


@dataclass(frozen=True, slots=True)
class Sentence:
    """Whether anything is missing at the province, in one sentence, and its tone."""

    tone: Tone
    words: str


@dataclass(frozen=True, slots=True)
class MarkRow:
    """One mark: what it is, and where it stands."""

    name: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class ErrorWords:
    """What kept the last exchange from its work, when, and what to do."""

    at: str
    title: str
    action: str


@dataclass(frozen=True, slots=True)
class HourRow:
    """The exchanges of one hour as they are written."""

    hour: str
    answered: str
    failed: str
    up: str
    down: str


@dataclass(frozen=True, slots=True)
class StickRow:
    """A plugged stick and what can be done with it."""

    id: str
    name: str
    room: str
    answers: str
    writable: bool
    has_answers: bool


@dataclass(frozen=True, slots=True)
class SyncPage:
    """All that the page shows."""

    sentence: Sentence
    line: Line
    error: ErrorWords | None
    saving: str
    marks: tuple[MarkRow, ...]
    waiting: tuple[WaitingRow, ...]
    hours: tuple[HourRow, ...]
    sticks: tuple[StickRow, ...]


def sync_page(  # noqa: PLR0917 - what the page is worked out from
    status: Status,
    waiting: Sequence[Waiting],
    hours: Sequence[Hour],
    sticks: Sequence[Stick],
    now_ms: int,
    lang: Lang,
) -> SyncPage:
    """Work out the whole page."""
    return SyncPage(
        sentence=sentence(status, waiting, now_ms, lang),
        line=line(status, waiting, now_ms, lang),
        error=_error(status, lang),
        saving=saving_words(status).pick(lang),
        marks=_marks(status, lang),
        waiting=waiting_rows(waiting, now_ms, lang),
        hours=tuple(_hour(hour, lang) for hour in hours),
        sticks=tuple(_stick(stick, lang) for stick in sticks),
    )


def sentence(status: Status, waiting: Sequence[Waiting], now_ms: int, lang: Lang) -> Sentence:
    """Say whether the province has everything that was recorded here."""
    head = written_count(status.head, lang)
    if status.backlog == 0:
        if status.blobs.count:
            words = TEXTS["missing.documents"].format(
                head=head, count=written_count(status.blobs.count, lang)
            )
            return Sentence("wait", words.pick(lang))
        key = "missing.nothing-recorded" if status.head == 0 else "missing.nothing"
        return Sentence("good", TEXTS[key].format(head=head).pick(lang))
    oldest_ms = min((row.oldest_ms for row in waiting if row.count), default=now_ms)
    first = status.delivered + 1
    words = TEXTS["missing.one" if status.backlog == 1 else "missing.many"].format(
        count=written_count(status.backlog, lang),
        first=written_count(first, lang),
        last=head,
        time=when(format_time(oldest_ms), now_ms),
    )
    return Sentence("bad" if status.line_held else "wait", words.pick(lang))


def written_bytes(count: int, lang: Lang) -> str:
    """Write a number of bytes in its largest sensible unit: `812 kB`, `1,3 MB`."""
    if count < STEP_BYTES:
        return f"{count} B"
    if count < STEP_BYTES**2:
        return f"{written_count(count // STEP_BYTES, lang)} kB"
    text = f"{count / STEP_BYTES**2:.1f}"
    return f"{text.replace('.', ',') if lang == 'vi' else text} MB"


def _marks(status: Status, lang: Lang) -> tuple[MarkRow, ...]:
    """Return how far records, the province's word and the documents have come, each apart."""
    exchange = status.exchange
    documents = TEXTS["marks.documents-none"].pick(lang)
    if status.blobs.count:
        words = {
            "count": written_count(status.blobs.count, lang),
            "bytes": written_bytes(status.blobs.bytes, lang),
        }
        documents = TEXTS["marks.documents-waiting"].format(**words).pick(lang)
    received = "" if exchange.last_ok_at is None else written_time(exchange.last_ok_at)
    return (
        _mark("recorded", written_count(status.head, lang), "", lang),
        _mark("delivered", written_count(status.delivered, lang), received, lang),
        _mark("documents", documents, "", lang),
        _mark(
            "bytes-today",
            written_bytes(status.saving.bytes_today, lang),
            _of_cap(status, lang),
            lang,
        ),
    )


def _of_cap(status: Status, lang: Lang) -> str:
    cap = status.saving.day_bytes_max
    words = {"bytes": written_bytes(cap, lang)}
    return TEXTS["marks.of-cap"].format(**words).pick(lang) if cap else ""


def _mark(name: str, value: str, note: str, lang: Lang) -> MarkRow:
    return MarkRow(TEXTS[f"marks.{name}"].pick(lang), value, note)


def _error(status: Status, lang: Lang) -> ErrorWords | None:
    code = status.exchange.last_error
    if code is None:
        return None
    known = CATALOGUE.get(code)
    title = Text(code, code) if known is None else known.title
    action = "" if known is None else known.remedy.pick(lang)
    return ErrorWords(written_time(status.exchange.last_failed_at), title.pick(lang), action)


def _hour(hour: Hour, lang: Lang) -> HourRow:
    began, ended = (format_time(hour.began_ms + ms) for ms in (0, 3_600_000))
    return HourRow(
        hour=f"{written_clock(began)}–{written_clock(ended)}",
        answered=written_count(hour.answered, lang),
        failed=written_count(hour.failed, lang),
        up=written_bytes(hour.bytes_up, lang),
        down=written_bytes(hour.bytes_down, lang),
    )


def _stick(stick: Stick, lang: Lang) -> StickRow:
    room = TEXTS["sticks.unreadable"].pick(lang)
    if stick.free_bytes is not None:
        words = {"bytes": written_bytes(stick.free_bytes, lang)}
        room = TEXTS["sticks.room"].format(**words).pick(lang)
    words = {"count": written_count(stick.answers, lang)}
    key = "sticks.answers" if stick.answers else "sticks.no-answers"
    return StickRow(
        id=stick.id,
        name=stick.name,
        room=room,
        answers=TEXTS[key].format(**words).pick(lang),
        writable=stick.writable and stick.free_bytes is not None,
        has_answers=stick.answers > 0,
    )
