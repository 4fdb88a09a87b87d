"""The questions of the lists, read whole: everything wrong with them is told at once."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final, TypeVar

from litestar import Request
from msgspec import Struct

from agent.views.dossier_rows import CHANNEL_NO, STATE_NO
from agent.views.search import DossierQuery
from agent.web.limits import LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX
from agent.web.texts import TEXTS
from wire.event import YEARS
from wire.problems import FieldError, Refusal

T = TypeVar("T")

STATES: Final = frozenset(STATE_NO)
CHANNELS: Final = frozenset(CHANNEL_NO)
DUE: Final = frozenset({"today", "overdue"})
NUMBER_MAX: Final = 2**53 - 1
TEXT_CHARS_MAX: Final = 200


class VisitQuery(Struct, frozen=True, kw_only=True):
    """`/api/visits`: of one day, a page; `with_id` adds identity numbers, and is recorded."""

    on: date | None
    limit: int
    after: int | None
    with_id: bool


class ReadingQuery(Struct, frozen=True, kw_only=True):
    """`/api/readings`: of one device, between two readings, neither of them included."""

    device: str | None
    newer: int
    older: int | None
    limit: int


class Period(Struct, frozen=True, kw_only=True):
    """Days of a report, both included."""

    first: date
    last: date


class Asked:
    """The parameters of one request; collects what is wrong with them."""

    def __init__(self, request: Request[Any, Any, Any], *known: str) -> None:
        self._given: Mapping[str, str] = {}
        self.errors: list[FieldError] = []
        given: dict[str, str] = {}
        for name, value in request.query_params.multi_items():
            if name not in known:
                self.wrong(name, "field-unknown", "unknown")
            elif name in given:
                self.wrong(name, "field-invalid", "wrong")
            else:
                given[name] = value
        self._given = given

    def wrong(self, path: str, code: str, key: str, **words: object) -> None:
        """Note one wrong parameter."""
        self.errors.append(FieldError(path, code, TEXTS[f"field.{key}"].format(**words)))

    def read(self, name: str, reader: Callable[[str], T], default: T) -> T:
        """Return a parameter as `reader` reads it (ValueError: wrong), else `default`."""
        text = self._given.get(name)
        if text is None or text == "":
            return default
        try:
            return reader(text)
        except ValueError:
            self.wrong(name, "field-invalid", "wrong")
            return default

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole number between two bounds."""
        text = self._given.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or not low <= int(text[:20]) <= high:
            self.wrong(name, "field-invalid", "range", low=low, high=high)
            return default
        return int(text)

    def required(self, name: str, reader: Callable[[str], T]) -> T | None:
        """Return a parameter that must be there; None with a note when it is not."""
        if not self._given.get(name):
            self.wrong(name, "field-missing", "missing")
            return None
        return self.read(name, reader, None)

    def done(self) -> None:
        """Raise the Refusal that names everything wrong."""
        if self.errors:
            raise Refusal(self.errors[0].code, errors=self.errors)


def dossier_query(request: Request[Any, Any, Any]) -> DossierQuery:
    """Read the question of `/api/dossiers`. Raises Refusal with every wrong parameter."""
    asked = Asked(request, "q", "state", "due", "channel", "limit", "after")
    query = DossierQuery(
        q=asked.read("q", _short, ""),
        state=asked.read("state", lambda text: _each(text, STATES), ()),
        due=asked.read("due", _due, None),
        channel=asked.read("channel", lambda text: _one(text, CHANNELS), None),
        limit=asked.number("limit", LIST_LIMIT_DEFAULT, 1, LIST_LIMIT_MAX),
        after=asked.number("after", 0, 1, NUMBER_MAX) or None,
    )
    asked.done()
    return query


def visit_query(request: Request[Any, Any, Any]) -> VisitQuery:
    """Read the question of `/api/visits`. Raises Refusal with every wrong parameter."""
    asked = Asked(request, "on", "limit", "after", "with_id")
    query = VisitQuery(
        on=asked.read("on", _day, None),
        limit=asked.number("limit", LIST_LIMIT_DEFAULT, 1, LIST_LIMIT_MAX),
        after=asked.number("after", 0, 1, NUMBER_MAX) or None,
        with_id=asked.number("with_id", 0, 0, 1) == 1,
    )
    asked.done()
    return query


def reading_query(request: Request[Any, Any, Any]) -> ReadingQuery:
    """Read the question of `/api/readings`. Raises Refusal with every wrong parameter.

    `counter` is passed over: the session says which counter asks.
    """
    asked = Asked(request, "device", "after", "counter", "limit")
    newer, older = asked.read("after", _between, _FIRST_PAGE)
    query = ReadingQuery(
        device=asked.read("device", _short, None),
        newer=newer,
        older=older,
        limit=asked.number("limit", LIST_LIMIT_DEFAULT, 1, LIST_LIMIT_MAX),
    )
    asked.done()
    return query


def period(request: Request[Any, Any, Any]) -> Period:
    """Read `from` and `to` of a report. Raises Refusal with every wrong parameter."""
    asked = Asked(request, "from", "to")
    first = asked.required("from", _day)
    last = asked.required("to", _day)
    if first is not None and last is not None and first > last:
        asked.wrong("to", "field-invalid", "wrong")
    asked.done()
    if first is None or last is None:
        raise Refusal("field-missing")
    return Period(first=first, last=last)


def _short(text: str) -> str:
    if len(text) > TEXT_CHARS_MAX:
        raise ValueError(text)
    return text


_FIRST_PAGE: Final[tuple[int, int | None]] = (0, None)


def _between(text: str) -> tuple[int, int | None]:
    """Read the id of a reading, or the `next` of a page: that id and the page's last, `17-42`."""
    newer, dash, older = text.partition("-")
    if not dash:
        return _id(newer), None
    return _id(newer), _id(older)


def _id(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:20]) > NUMBER_MAX:
        raise ValueError(text)
    return int(text)


def _each(text: str, known: frozenset[str]) -> tuple[str, ...]:
    return tuple(_one(word.strip(), known) for word in text.split(","))


def _one(word: str, known: frozenset[str]) -> str:
    if word not in known:
        raise ValueError(word)
    return word


def _due(text: str) -> str:
    return text if text in DUE else _day(text).isoformat()


def _day(text: str) -> date:
    day = date.fromisoformat(text)
    if day.year not in YEARS:
        raise ValueError(text)
    return day
