"""Write records/data/holidays_vn.json anew from the installed `holidays` package.

To be run when the locked version of the package changes and the test of the table says so:
`python -m tools.holiday_table`.
"""

import json
from importlib.metadata import version
from pathlib import Path

from records.holiday_table import from_package

FIRST_YEAR = 2020
LAST_YEAR = 2045
TARGET = Path(__file__).parent.parent / "records" / "data" / "holidays_vn.json"


def table() -> str:
    """Return the whole file, one year a line so that a difference can be read."""
    lines = []
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        found = from_package(year)
        days = {
            "off": [day.isoformat() for day in sorted(found.off)],
            "worked": [day.isoformat() for day in sorted(found.worked)],
        }
        lines.append(f'    "{year}": {json.dumps(days)}')
    source = f"holidays {version('holidays')}, country VN, category public"
    years = ",\n".join(lines)
    return f'{{\n  "source": "{source}",\n  "years": {{\n{years}\n  }}\n}}\n'


if __name__ == "__main__":
    TARGET.write_text(table(), encoding="utf-8")
    print(f"{TARGET} written")
