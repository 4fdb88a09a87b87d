"""Which line of a TOML text a key stands on; the standard parser does not tell."""

import re
from typing import NamedTuple

HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\"'-]+)\s*\]")
ASSIGNMENT = re.compile(r"\s*([A-Za-z0-9_.\"'-]+)\s*=")


class Place(NamedTuple):
    """A key in a table; `index` counts the entries of an array of tables, `key` "" is the table."""

    table_name: str
    index: int
    key: str

    @property
    def table(self) -> "Place":
        """The table this key stands in."""
        return self._replace(key="")

    @property
    def path(self) -> str:
        """As people write it: `devices[1].port`."""
        number = f"[{self.index}]" if self.table_name == "devices" else ""
        return ".".join(part for part in (self.table_name + number, self.key) if part)


def lines_of(text: str) -> dict[Place, int]:
    """The line, from 1, of every key and table header found in `text`."""
    lines: dict[Place, int] = {Place("", 0, ""): 1}
    table, index = "", 0
    entries: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        header = HEADER.match(line)
        if header:
            table = header[2].strip("\"'")
            index = entries.get(table, 0) if header[1] == "[[" else 0
            entries[table] = entries.get(table, 0) + 1
            lines.setdefault(Place(table, index, ""), number)
            lines.setdefault(Place("", 0, table), number)
            continue
        assignment = ASSIGNMENT.match(line)
        if assignment:
            name = assignment[1].strip("\"'")
            front, dot, rest = name.partition(".")
            place = Place(front, 0, rest) if dot and not table else Place(table, index, name)
            lines.setdefault(place, number)
    return lines
