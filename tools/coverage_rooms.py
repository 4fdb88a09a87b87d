"""Hold what `coverage` measured against the least share of each room, in `tools/coverage.toml`.

`python -m tools.coverage_rooms` after `coverage combine`. Share: lines and branches taken of all.
A room that falls below its least fails the run; one that has risen is to have its least raised.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

LEAST = Path(__file__).with_name("coverage.toml")


class Share(NamedTuple):
    """Lines and branches of a room: how many there are, and how many were taken."""

    taken: int = 0
    all: int = 0

    @property
    def percent(self) -> float:
        """The share in hundredths of a per cent, rounded down: 100 is everything."""
        return self.taken * 10_000 // self.all / 100 if self.all else 100.0


def room_of(file: str, rooms: Mapping[str, float]) -> str | None:
    """Return the innermost of `rooms` that a file lies in, None when none holds it."""
    inside = [room for room in rooms if file.startswith(f"{room}/")]
    return max(inside, key=len, default=None)


def shares(files: Mapping[str, Any], rooms: Mapping[str, float]) -> dict[str, Share]:
    """Return the share of each room from the `files` of coverage's JSON report.

    Raises:
        LookupError: a file lies in no room.
    """
    found = dict.fromkeys(rooms, Share())
    for file, report in files.items():
        room = room_of(file, rooms)
        if room is None:
            raise LookupError(f"{file} lies in no room of {LEAST.name}")
        said = report["summary"]
        found[room] = Share(
            found[room].taken + said["covered_lines"] + said["covered_branches"],
            found[room].all + said["num_statements"] + said["num_branches"],
        )
    return found


def verdict(found: Mapping[str, Share], rooms: Mapping[str, float]) -> list[str]:
    """Return a line about each room that has less than its least."""
    return [
        f"{room}: {found[room].percent:.2f} % of its branches, at least {least} are to be taken"
        for room, least in rooms.items()
        if found[room].percent < least
    ]


def main() -> int:
    """Print every room's share; return 1 when one is too small."""
    rooms: dict[str, float] = tomllib.loads(LEAST.read_text())["least"]
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        coverage = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", file.name]
        subprocess.run(coverage, check=True)
        found = shares(json.load(file)["files"], rooms)
    for room, share in found.items():
        print(f"{room:16} {share.percent:6.2f} %  of {share.all:6}, at least {rooms[room]}")
    short = verdict(found, rooms)
    print("\n".join(short), file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    raise SystemExit(main())
