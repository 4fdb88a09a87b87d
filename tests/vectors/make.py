"""Writes the vectors: `python -m tests.vectors.make`.

The same files again every time, but for those that the cases no longer name, which go.
"""

import sys

from tests.vectors import (
    cases_basic,
    cases_blobs,
    cases_events,
    cases_messages,
    cases_short,
    cases_successor,
)
from tests.vectors.case import HERE, Case


def cases() -> dict[str, Case]:
    """Return all cases by the path of their file."""
    tables = (
        cases_basic, cases_blobs, cases_events, cases_messages, cases_short, cases_successor,
    )  # fmt: skip
    everything = [case for table in tables for case in table.CASES]
    by_path = {case.path: case for case in everything}
    assert len(by_path) == len(everything), "two cases have one name"
    return by_path


def main() -> int:
    """Write all files and remove those nobody names."""
    by_path = cases()
    for path in HERE.glob("*/*.txt"):
        if path.relative_to(HERE).as_posix() not in by_path:
            path.unlink()
    for name, case in by_path.items():
        path = HERE / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(case.text(), "ascii")
    print(f"{len(by_path)} vectors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
