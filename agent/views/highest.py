"""The highest numbers given, remembered: each dossier asks for them and raises them by one.

One for the projector, beside the rows it writes. What is undone, and what changes a number that was
given, makes all of it void.
"""

from typing import Final

from agent.journal.database import Connection

KEPT_MAX: Final = 64
"""Leases, days and volumes in use at one time are a handful; look-ups of others push them out."""
SERIAL: Final = (
    "SELECT max(code_serial) FROM dossier WHERE code_prefix = ? AND code_day = ?"
    " AND code_serial BETWEEN ? AND ?"
)
NUMBER: Final = (
    "SELECT max(number) FROM dossier WHERE year = ? AND volume = ? AND number IS NOT NULL"
)


class Highest:
    """The highest serial by prefix, day, first and last; the highest number by year and volume."""

    def __init__(self) -> None:
        self._serials: dict[tuple[int, int, int, int], int | None] = {}
        self._numbers: dict[tuple[int, int], int | None] = {}

    def forget(self) -> None:
        """Ask the database again from now on."""
        self._serials.clear()
        self._numbers.clear()

    def serial(self, connection: Connection, wanted: tuple[int, int, int, int]) -> int | None:
        """The highest serial of (number of a prefix, day, first, last), None when none is used."""
        if wanted not in self._serials:
            self._make_room()
            self._serials[wanted] = connection.execute(SERIAL, wanted).fetchone()[0]
        return self._serials[wanted]

    def number(self, connection: Connection, wanted: tuple[int, int]) -> int | None:
        """The highest number of (year, volume), None when none is written."""
        if wanted not in self._numbers:
            self._make_room()
            self._numbers[wanted] = connection.execute(NUMBER, wanted).fetchone()[0]
        return self._numbers[wanted]

    def gave_serial(self, prefix: int, day: int, serial: int) -> None:
        """A new dossier has this serial."""
        for wanted, highest in self._serials.items():
            of_prefix, of_day, first, last = wanted
            if (of_prefix, of_day) == (prefix, day) and first <= serial <= last:
                self._serials[wanted] = max(highest or 0, serial)

    def gave_number(self, year: int, volume: int, number: int) -> None:
        """A new dossier has this number."""
        if (year, volume) in self._numbers:
            highest = self._numbers[year, volume]
            self._numbers[year, volume] = max(highest or 0, number)

    def _make_room(self) -> None:
        if len(self._serials) + len(self._numbers) >= KEPT_MAX:
            self.forget()
