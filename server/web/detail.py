"""The page of one office, worked out: the one sentence first, then what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from records.sync_report import DocumentsIn
from server.offices import Office
from server.reconcile import DayPair, HeadPair, Reconciliation
from server.standing import Standing
from server.web.overview import TONES, lag_s
from server.web.texts import (
    TEXTS,
    written_age,
    written_bytes,
    written_count,
    written_day,
    written_time,
)
from wire.problems import CATALOGUE
from wire.texts import Lang, Text

DAYS_SHOWN: Final = 50


class Trouble(Struct, frozen=True, kw_only=True):
    """A problem of an event (`seq`), or an incident or a conflict of the office (None)."""

    code: str
    detail: str
    seq: int | None
    at_ms: int


class Received(Struct, frozen=True):
    """One batch the province took in."""

    at_ms: int
    first_seq: int
    events: int


class Known(Struct, frozen=True, kw_only=True):
    """What the province knows of an office; asked in one transaction."""

    office: Office
    standings: tuple[Standing, ...]
    compared: Reconciliation
    troubles: tuple[Trouble, ...]
    received: tuple[Received, ...]


class Sentence(Struct, frozen=True):
    """Whether the province has everything, in one sentence, and its tone."""

    words: str
    tone: str


class Fact(Struct, frozen=True):
    """A name and its value."""

    name: str
    value: str


class Machine(Struct, frozen=True, kw_only=True):
    """One device of the office and its journal."""

    device: str
    tone: str
    state: str
    reason: str
    facts: tuple[Fact, ...]


class DayRow(Struct, frozen=True, kw_only=True):
    """A day and kind that both sides do not count alike."""

    day: str
    kind: str
    office: str
    province: str


class TroubleRow(Struct, frozen=True, kw_only=True):
    """A trouble as it is written."""

    at: str
    title: str
    action: str
    where: str
    detail: str


class ReceivedRow(Struct, frozen=True, kw_only=True):
    """A batch as it is written."""

    at: str
    count: str
    numbers: str


class Detail(Struct, frozen=True, kw_only=True):
    """All that the page shows."""

    name: str
    code: str
    sentence: Sentence
    documents: str
    machines: tuple[Machine, ...]
    days: tuple[DayRow, ...]
    troubles: tuple[TroubleRow, ...]
    received: tuple[ReceivedRow, ...]


def detail(known: Known, now_ms: int, lang: Lang) -> Detail:
    """Work out the page."""
    differing = [pair for pair in known.compared.days if pair.office != pair.province]
    return Detail(
        name=known.office.name,
        code=known.office.code,
        sentence=sentence(known.compared, known.standings, lang),
        documents=documents(known.compared.documents, lang),
        machines=tuple(_machine(standing, now_ms, lang) for standing in known.standings),
        days=tuple(_day(pair, lang) for pair in differing[-DAYS_SHOWN:] if pair.office),
        troubles=tuple(_trouble(trouble, lang) for trouble in known.troubles),
        received=tuple(_received(batch, lang) for batch in known.received),
    )


def sentence(compared: Reconciliation, standings: Sequence[Standing], lang: Lang) -> Sentence:
    """Say whether the province has everything, or what is missing."""
    heard_ms = max((one.seen_ms for one in standings if one.seen_ms is not None), default=None)
    if heard_ms is None:
        return _said("nothing", "wait", lang)
    held = sum(pair.province[0] for pair in compared.heads)
    words = {"count": written_count(held, lang), "time": written_time(heard_ms)}
    missing = [_missing(pair, lang) for pair in compared.heads if _is_behind(pair)]
    if missing:
        return _said("missing", "wait", lang, what="; ".join(missing), **words)
    if any(pair.office is None for pair in compared.heads):
        return _said("unheard", "wait", lang, **words)
    if any(pair.office != pair.province for pair in compared.heads):
        return _said("differs", "bad", lang, **words)
    if compared.equal:
        return _said("complete", "good", lang, **words)
    told = [pair for pair in compared.days if pair.office is not None]
    if any(pair.office != pair.province for pair in told):
        return _said("days-differ", "bad", lang, **words)
    return _said("uncounted", "wait", lang, **words)


def documents(count: DocumentsIn, lang: Lang) -> str:
    """Say how many of the documents that events tell of are here."""
    key = "none" if not count.told else "missing" if count.missing else "complete"
    words = {
        name: written_count(getattr(count, name), lang) for name in ("told", "held", "missing")
    }
    size = written_bytes(count.missing_bytes, lang)
    return TEXTS[f"documents.{key}"].format(bytes=size, **words).pick(lang)


def _is_behind(pair: HeadPair) -> bool:
    return pair.office is not None and pair.office[0] > pair.province[0]


def _missing(pair: HeadPair, lang: Lang) -> str:
    said = 0 if pair.office is None else pair.office[0]
    held = pair.province[0]
    count = written_count(said - held, lang)
    one = said - held == 1
    text = TEXTS["sentence.range-one" if one else "sentence.range-many"]
    return text.format(count=count, first=held + 1, last=said).pick(lang)


def _said(key: str, tone: str, lang: Lang, **words: str) -> Sentence:
    return Sentence(TEXTS[f"sentence.{key}"].format(**words).pick(lang), tone)


def _machine(standing: Standing, now_ms: int, lang: Lang) -> Machine:
    report = standing.report
    lag = lag_s(standing, now_ms)
    clock = TEXTS[f"clock.{report.clock.state}"].pick(lang)
    until = report.numbers.leased_until
    facts = {
        "seen": written_time(standing.seen_ms) or "–",
        "held": written_count(report.delivered_seq, lang),
        "backlog": "–" if standing.seen_ms is None else written_count(standing.missing, lang),
        "lag": "–" if lag is None else written_age(lag, lang),
        "agent": report.agent or "–",
        "clock": clock if standing.reported_ms is not None else "–",
        "disk": TEXTS[f"disk.{report.disk.state}"].pick(lang)
        if standing.reported_ms is not None
        else "–",
        "numbers": "–" if until is None else written_day(until.isoformat()),
        "journal": report.journal,
    }
    return Machine(
        device=report.device,
        tone=TONES.get(report.state, ""),
        state=TEXTS[f"state.{report.state}"].pick(lang),
        reason=report.reason.pick(lang),
        facts=tuple(Fact(TEXTS[f"fact.{key}"].pick(lang), value) for key, value in facts.items()),
    )


def _day(pair: DayPair, lang: Lang) -> DayRow:
    said = 0 if pair.office is None else pair.office.count
    return DayRow(
        day=written_day(pair.day),
        kind=pair.kind,
        office=written_count(said, lang),
        province=written_count(pair.province.count, lang),
    )


def _trouble(trouble: Trouble, lang: Lang) -> TroubleRow:
    title, action = _words(trouble.code)
    where = ""
    if trouble.seq:
        where = TEXTS["trouble.event"].format(seq=trouble.seq).pick(lang)
    return TroubleRow(
        at=written_time(trouble.at_ms),
        title=title.pick(lang),
        action=action.pick(lang),
        where=where,
        detail=trouble.detail,
    )


def _words(code: str) -> tuple[Text, Text]:
    """Return title and remedy of a code; incidents that are no refusals have words of their own."""
    own = TEXTS.get(f"incident.{code}")
    if own is not None:
        return own, TEXTS["incident.look"]
    known = CATALOGUE.get(code)
    if known is None:
        return Text(vi=code, en=code), TEXTS["incident.look"]
    return known.title, known.remedy


def _received(batch: Received, lang: Lang) -> ReceivedRow:
    last = batch.first_seq + batch.events - 1
    return ReceivedRow(
        at=written_time(batch.at_ms),
        count=written_count(batch.events, lang),
        numbers=str(last) if batch.events == 1 else f"{batch.first_seq}–{last}",
    )
