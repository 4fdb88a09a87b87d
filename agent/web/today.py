"""The page of today, worked out: values in, words out. Nothing here asks anybody anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from agent.status import Status
from agent.views.counts import Waiting
from agent.web.texts import (
    TEXTS,
    written_age,
    written_clock,
    written_count,
    written_day,
    written_time,
)
from records.desk_events import NoticePublished
from records.present import DossierItem, VisitItem
from wire.texts import Lang

Tone = Literal["good", "wait", "bad"]
TONES: Final[Mapping[str, Tone]] = {
    "online": "good",
    "offline": "wait",
    "captive-portal": "wait",
    "dns": "wait",
    "not-enrolled": "wait",
}
SIGNS: Final[Mapping[str, str]] = {"waiting": "○", "delivered": "✓", "rejected": "!"}


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
class Today:
    """All that the page shows."""

    line: Line
    warnings: tuple[str, ...]
    tiles: tuple[Tile, ...]
    waiting: tuple[WaitingRow, ...]
    dossiers: tuple[DossierRow, ...]
    visits: tuple[VisitRow, ...]
    orders: tuple[Notice, ...]
    notices: tuple[Notice, ...]
