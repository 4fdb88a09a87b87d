"""The page of problems, and a dossier's conflicts, worked out: values in, words out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.web.texts import TEXTS, written_time
from records.present import ConflictItem, ProblemItem, ValueItem
from records.twice import Bearer
from wire.texts import Lang


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One of two values: whose, what, by whom and when, and the word that chooses it."""

    keep: str
    whose: str
    value: str
    author: str


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """A conflict: what both name, the value that stands first."""

    id: str
    field: str
    values: tuple[ValueRow, ...]


@dataclass(frozen=True, slots=True)
class BearerRow:
    """One of the dossiers that bear a number, as it is written."""

    id: str
    name: str
    applicant: str
    author: str


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """An open problem: since when, what it is about, what to do."""

    id: str
    severity: str
    severity_words: str
    title: str
    action: str
    since: str
    dossier: str
    dossier_name: str
    conflict: ConflictRow | None
    number: str
    bearers: tuple[BearerRow, ...]


def problem_rows(
    problems: Sequence[ProblemItem], names: Mapping[str, str], lang: Lang
) -> tuple[ProblemRow, ...]:
    """Return problems as they are written; `names` calls dossiers by code or book, by their ids."""
    return tuple(
        ProblemRow(
            id=item.id,
            severity=item.severity,
            severity_words=TEXTS[f"severity.{item.severity}"].pick(lang),
            title=item.title.pick(lang),
            action=item.action.pick(lang),
            since=written_time(item.since),
            dossier=(item.subject or "") if item.subject in names else "",
            dossier_name=names.get(item.subject or "", ""),
            conflict=None if item.conflict is None else conflict_row(item.conflict, lang),
            number="" if item.twice is None else item.twice.number,
            bearers=() if item.twice is None else tuple(map(_bearer, item.twice.dossiers)),
        )
        for item in problems
    )


def _bearer(bearer: Bearer) -> BearerRow:
    name = " · ".join(part for part in (bearer.code, bearer.book) if part)
    author = ", ".join(part for part in (bearer.by, written_time(bearer.at)) if part)
    return BearerRow(bearer.id, name, bearer.applicant, author)


def conflict_row(item: ConflictItem, lang: Lang) -> ConflictRow:
    """Return a conflict as it is written."""
    return ConflictRow(
        id=item.id,
        field=TEXTS[f"conflict-field.{item.field}"].pick(lang),
        values=tuple(_value(item.field, value, lang) for value in (item.stands, item.other)),
    )


def _value(field: str, value: ValueItem, lang: Lang) -> ValueRow:
    author = ", ".join(part for part in (value.by, written_time(value.at)) if part)
    return ValueRow(
        keep=value.keep,
        whose=TEXTS[f"side.{value.keep}"].pick(lang),
        value=_written(field, value.value, lang),
        author=author or TEXTS["conflict.unknown"].pick(lang),
    )


def _written(field: str, value: str | None, lang: Lang) -> str:
    if value is None:
        return "–"
    if field == "due_at":
        return written_time(value)
    kind = {"state": "state", "holder": "side", "return_channel": "channel"}.get(field)
    known = TEXTS.get(f"{kind}.{value}")
    return value if known is None else known.pick(lang)
