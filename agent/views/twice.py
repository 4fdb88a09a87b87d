"""Numbers that two dossiers bear: after a fork this office and its former self gave them both.

Only looked for once a journal was followed by another: before that one writer gave every number.
What was withdrawn does not count, and neither does a pair once one has another number.
"""

from typing import Final, Literal, NamedTuple

from agent.journal.database import Connection
from agent.views import dossier_rows, stored
from agent.views.dossier_rows import Loaded
from records.moment import local
from records.twice import Bearer, TwiceItem

LISTED_MAX: Final = 200
FOLLOWED: Final = "SELECT count(*) > 1 FROM journal WHERE side = 'office'"
CODES: Final = (
    "SELECT code_prefix, code_day, code_serial FROM dossier WHERE code_serial IS NOT NULL"
    " GROUP BY code_prefix, code_day, code_serial HAVING count(*) > 1 LIMIT ?"
)
BEARING_CODE: Final = (
    "SELECT no FROM dossier WHERE code_prefix = ? AND code_day = ? AND code_serial = ? ORDER BY no"
)
BOOKS: Final = (
    "SELECT year, volume, number FROM dossier WHERE number IS NOT NULL"
    " GROUP BY year, volume, number HAVING count(*) > 1 LIMIT ?"
)
BEARING_BOOK: Final = (
    "SELECT no FROM dossier WHERE year = ? AND volume = ? AND number = ? ORDER BY no"
)


class Twice(NamedTuple):
    """A number, and the dossiers that bear it, the first to arrive first."""

    kind: Literal["code", "book"]
    number: str
    dossiers: tuple[Loaded, ...]

    @property
    def item(self) -> TwiceItem:
        """It, as people and programs see it."""
        return TwiceItem(self.kind, self.number, tuple(_bearer(each) for each in self.dossiers))


def listed(connection: Connection) -> list[Twice]:
    """Return the numbers that stand twice, codes first."""
    if not connection.execute(FOLLOWED).fetchone()[0]:
        return []
    codes = connection.execute(CODES, (LISTED_MAX,)).fetchall()
    books = connection.execute(BOOKS, (LISTED_MAX,)).fetchall()
    found = [_twice(connection, "code", BEARING_CODE, numbers) for numbers in codes]
    found += [_twice(connection, "book", BEARING_BOOK, numbers) for numbers in books]
    return [one for one in found if len(one.dossiers) > 1]


def _twice(
    connection: Connection, kind: Literal["code", "book"], query: str, numbers: tuple[int, ...]
) -> Twice:
    loaded = [dossier_rows.load(connection, no) for (no,) in connection.execute(query, numbers)]
    bearing = tuple(one for one in loaded if one and one.dossier.state != "withdrawn")
    number = "/".join(map(str, numbers))
    if kind == "code" and bearing:
        number = bearing[0].dossier.code or number
    return Twice(kind, number, bearing)


def _bearer(loaded: Loaded) -> Bearer:
    dossier, read = loaded.dossier, stored.read(loaded.first)
    return Bearer(
        id=str(loaded.first.id),
        code=dossier.code,
        book=dossier.book,
        applicant=dossier.applicant.full_name,
        state=dossier.state,
        by="" if read is None else read.event.actor,
        at=local(dossier.received_at_ms if read is None else read.at_ms).isoformat(),
    )
