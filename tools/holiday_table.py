"""Write records/data/holidays_vn.json anew from the installed `holidays` package.

To be run when the locked version of the package changes and the test of the table says so:
`python -m tools.holiday_table`.
"""

import json
from importlib.metadata import version
from pathlib import Path

from holidays.countries.vietnam import Vietnam

from records.holiday_table import YearHolidays

FIRST_YEAR = 1970
LAST_YEAR = 2099  # the last year whose lunar calendar the package knows in full
TARGET = Path(__file__).parent.parent / "records" / "data" / "holidays_vn.json"


def from_package(year: int) -> YearHolidays:
    """Ask the package for one year."""
    found = Vietnam(years=year)  # type: ignore[no-untyped-call]  # its __init__ is not annotated
    worked = frozenset(day for day in found.weekend_workdays if day.year == year)
    return YearHolidays(frozenset(found), worked)


def table() -> str:
    """Return the whole file, one year a line so that a difference can be read."""
    lines = []
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        found = from_package(year)
        days = {"off": [day.isoformat() for day in sorted(found.off)]}
        if found.worked:
            days["worked"] = [day.isoformat() for day in sorted(found.worked)]
        lines.append(f'    "{year}": {json.dumps(days)}')
    source = f"holidays {version('holidays')}, country VN, category public"
    years = ",\n".join(lines)
    return f'{{\n  "source": "{source}",\n  "years": {{\n{years}\n  }}\n}}\n'


if __name__ == "__main__":
    TARGET.write_text(table(), encoding="utf-8")
    print(f"{TARGET} written")
