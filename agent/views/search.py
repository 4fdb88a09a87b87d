"""Finding dossiers by what a clerk types and by what a list is narrowed to.

A name is found by any part of it. A number of a person is found whole or not at all, through its
keyed hash: by parts one could spell out what the mask hides, and nobody would know.
"""

from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

import msgspec

from agent.journal.database import Connection
from agent.views import dossier_rows, stored
from agent.views.dossier_rows import CHANNEL_NO, STATE_NO, day_number
from agent.views.tables import OPEN_STATES
from records.calendar import OFFICE_ZONE
from records.codes import BookRef, CodeTail, parse_book_ref, parse_code, parse_code_tail
from records.moment import local, to_ms
from records.person_numbers import whole_numbers
from records.search_text import fold

WORDS_MAX: Final = 8
"""Words of a search; each costs a pass over what the others left."""
NEWEST: Final = "no DESC"
NEWEST_YEAR: Final = "year DESC, no DESC"


class DossierQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What of the dossiers is asked for.

    `due`: `today`, `overdue`, or a day as YYYY-MM-DD. `after`: the cursor of the page before.
    """

    q: str = ""
    state: tuple[str, ...] = ()
    due: str | None = None
    channel: str | None = None
    limit: int = 50
    after: int | None = None


class Sought(NamedTuple):
    """What a text asks for: one dossier by a name of its own, a place, a tail, or words.

    `numbers` are the words that can be a person's whole number: asking for one is recorded.
    """

    ref: str | None = None
    book: BookRef | None = None
    tail: CodeTail | None = None
    words: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


class _Where:
    """The clauses of a question, all of which must hold."""

    def __init__(self) -> None:
        self.clauses = ["1"]
        self.values: list[object] = []
        self.order = NEWEST

    def add(self, clause: str, *values: object) -> None:
        self.clauses.append(clause)
        self.values += values


def sought(text: str) -> Sought:
    """Read what was typed; the words of a person's number stand in `numbers` alone."""
    ref = text.strip()
    book = parse_book_ref(ref)
    if book is not None and book.year is None:
        return Sought(book=book)
    if book is not None or parse_code(ref) is not None or stored.parse_id(ref) is not None:
        return Sought(ref=ref)
    if (tail := parse_code_tail(ref)) is not None:
        return Sought(tail=tail)
    folded = " ".join(fold(ref).split()[:WORDS_MAX])
    numbers = whole_numbers(folded)
    if numbers == (folded,):  # a phone in groups is one number, not several words
        return Sought(numbers=numbers)
    words = tuple(word for word in folded.split() if word.upper() not in numbers)
    return Sought(words=words, numbers=numbers)


def find_numbers(
    connection: Connection, query: DossierQuery, now_ms: int, person_key: bytes
) -> list[int]:
    """Return the numbers of a page's dossiers, and of one more when there is one.

    Newest first; a place in the register without its year begins with the newest year.
    """
    where = _Where()
    _named(connection, sought(query.q), person_key, where)
    if query.state:
        numbers = [STATE_NO[state] for state in query.state]
        where.add(f"state IN ({', '.join('?' * len(numbers))})", *numbers)
    if query.channel is not None:
        where.add("channel = ?", CHANNEL_NO[query.channel])
    if query.due is not None:
        low_s, high_s = _due_span(query.due, now_ms)
        due = "state <= ? AND due_s IS NOT NULL AND due_s >= ? AND due_s < ?"
        where.add(due, OPEN_STATES, low_s, high_s)
    if query.after is not None and where.order == NEWEST:
        where.add("no < ?", query.after)
    elif query.after is not None:
        where.add("(year, no) < (SELECT year, no FROM dossier WHERE no = ?)", query.after)
    rows = connection.execute(
        f"SELECT no FROM dossier WHERE {' AND '.join(where.clauses)}"  # noqa: S608
        f" ORDER BY {where.order} LIMIT ?",
        (*where.values, query.limit + 1),
    )
    return [int(no) for (no,) in rows]


def _named(connection: Connection, asked: Sought, person_key: bytes, where: _Where) -> None:
    if asked.ref is not None:
        where.add("no = ?", dossier_rows.find(connection, asked.ref) or 0)
    if asked.book is not None:
        where.add("volume = ? AND number = ?", asked.book.volume, asked.book.number)
        where.order = NEWEST_YEAR
    if asked.tail is not None:
        where.add("code_day = ? AND code_serial = ?", day_number(asked.tail.day), asked.tail.serial)
    for word in asked.words:
        where.add("instr(search, ?) > 0", word)
    for number in asked.numbers:
        id_mark, phone_mark = dossier_rows.number_marks(person_key, number)
        # An organisation may bear digits in its name.
        named = "(id_mark = ? OR phone_mark = ? OR instr(search, ?) > 0)"
        where.add(named, id_mark, phone_mark, number.lower())


def _due_span(due: str, now_ms: int) -> tuple[int, int]:
    """Return the seconds a due time lies between: [low, high). Dates count, not hours."""
    today = local(now_ms).date()
    if due == "overdue":
        return 0, _start_s(today)
    day = today if due == "today" else date.fromisoformat(due)
    return _start_s(day), _start_s(day + timedelta(days=1))


def _start_s(day: date) -> int:
    return to_ms(datetime.combine(day, time.min, OFFICE_ZONE)) // 1000
