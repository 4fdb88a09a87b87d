"""The page of one dossier, worked out: values in, words out."""

from dataclasses import dataclass

from agent.web.problem_words import ConflictRow, conflict_row
from agent.web.texts import TEXTS, written_time
from agent.web.today import Mark, dossier_row, mark
from records.present import DossierDetail, EventItem
from wire.texts import Lang


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event of the dossier, and where it is on its way to the province."""

    at: str
    kind: str
    actor: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class DossierPage:
    """All that the page shows."""

    number: str
    mark: Mark
    facts: tuple[Fact, ...]
    conflicts: tuple[ConflictRow, ...]
    events: tuple[EventRow, ...]


def dossier_page(item: DossierDetail, now_ms: int, lang: Lang) -> DossierPage:
    """Work out the whole page."""
    row = dossier_row(item, now_ms, lang)
    facts = {
        "dossiers.applicant": row.applicant,
        "dossiers.procedure": row.procedure,
        "dossiers.state": row.state,
        "dossier.holder": TEXTS[f"side.{item.holder}"].pick(lang),
        "dossiers.received": written_time(item.received_at),
        "dossiers.due": row.due,
        "dossier.book": row.book,
    }
    return DossierPage(
        number=row.number,
        mark=row.mark,
        facts=tuple(Fact(TEXTS[key].pick(lang), value) for key, value in facts.items() if value),
        conflicts=tuple(conflict_row(one, lang) for one in item.open_conflicts),
        events=tuple(_event(event, now_ms, lang) for event in reversed(item.events)),
    )


def _event(event: EventItem, now_ms: int, lang: Lang) -> EventRow:
    kind = TEXTS.get(f"event.{event.kind}")
    return EventRow(
        at=written_time(event.at),
        kind=event.kind if kind is None else kind.pick(lang),
        actor=event.actor,
        mark=mark(event.delivery, None, now_ms, lang),
    )
