"""The numbers this office has given: the highest serial of a day, the register's last place."""

from datetime import date

from agent.journal.database import Connection
from agent.views import counts, standing
from agent.views.dossier_rows import day_number
from records import book as register
from records import calendar as calendars
from records import leases as rules
from records.calendar import Calendar, CalendarSet
from records.leases import Lease, LeaseWarning
from records.sync_report import NumbersReport


def highest_serial(
    connection: Connection, prefix: str, day: date, first: int, last: int
) -> int | None:
    """The highest serial of a day used within a range, by any dossier known here."""
    found: int | None = connection.execute(
        "SELECT max(d.code_serial) FROM prefix p JOIN dossier d ON d.code_prefix = p.no"
        " WHERE p.text = ? AND d.code_day = ? AND d.code_serial BETWEEN ? AND ?",
        (prefix, day_number(day), first, last),
    ).fetchone()[0]
    return found


def highest_number(connection: Connection, year: int, volume: int) -> int | None:
    """The highest number written in a volume of the register."""
    found: int | None = connection.execute(
        "SELECT max(number) FROM dossier WHERE year = ? AND volume = ? AND number IS NOT NULL",
        (year, volume),
    ).fetchone()[0]
    return found


def calendar(connection: Connection) -> Calendar:
    """The calendar that holds now."""
    return calendars.fold(standing.bodies(connection, "calendar.set", CalendarSet))


def leases(connection: Connection) -> list[Lease]:
    """Every lease the province granted, oldest first."""
    return standing.bodies(connection, "numbers.leased", Lease)


def report(connection: Connection, journal: str, today: date) -> NumbersReport:
    """How far the leased numbers reach, and the register's next number."""
    held = leases(connection)
    place = register.next_entry(
        held,
        journal=journal,
        day=today,
        highest=lambda year, volume: highest_number(connection, year, volume),
    )
    return NumbersReport(
        leased_until=rules.leased_until(
            held, journal=journal, today=today, calendar=calendar(connection)
        ),
        left_today=rules.left_on(
            held,
            journal=journal,
            day=today,
            highest=lambda *where: highest_serial(connection, *where),
        ),
        book_next=place.number if place else None,
    )


def warnings(connection: Connection, journal: str, today: date) -> tuple[LeaseWarning, ...]:
    """Whether the leased numbers are about to run out; an office that never had any misses none."""
    held = leases(connection)
    if not any(lease.journal == journal and lease.fields is None for lease in held):
        return ()
    return rules.lease_warnings(
        held,
        journal=journal,
        today=today,
        calendar=calendar(connection),
        left_today=rules.left_on(
            held,
            journal=journal,
            day=today,
            highest=lambda *where: highest_serial(connection, *where),
        ),
        busiest=counts.busiest(connection, today),
    )
