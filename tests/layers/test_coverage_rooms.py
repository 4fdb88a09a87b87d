"""The least share of each room bites, and every room is named."""

import tomllib
from pathlib import Path

import pytest

from tools.coverage_rooms import LEAST, Share, room_of, shares, verdict

ROOT = Path(__file__).parents[2]
ROOMS = {"wire": 100.0, "agent": 90.0, "agent/sync": 95.0}


def report(lines: int, branches: int, of: tuple[int, int]) -> dict[str, dict[str, int]]:
    counts = {"covered_lines": lines, "covered_branches": branches}
    return {"summary": counts | {"num_statements": of[0], "num_branches": of[1]}}


def test_a_room_is_all_its_files_lines_and_branches() -> None:
    files = {
        "wire/cbor.py": report(10, 4, (10, 4)),
        "wire/chain.py": report(9, 3, (10, 4)),
        "agent/main.py": report(1, 0, (1, 0)),
    }
    found = shares(files, ROOMS)
    assert found["wire"] == Share(26, 28)
    assert found["agent"].percent == 100
    assert verdict(found, ROOMS) == [
        "wire: 92.85 % of its branches, at least 100.0 are to be taken"
    ]


def test_one_branch_of_many_is_not_rounded_away() -> None:
    assert verdict({"wire": Share(99_999, 100_000)}, {"wire": 100.0})


def test_a_file_belongs_to_the_innermost_room() -> None:
    assert room_of("agent/sync/http.py", ROOMS) == "agent/sync"
    assert room_of("agent/main.py", ROOMS) == "agent"
    assert room_of("agents/main.py", ROOMS) is None


def test_a_file_of_no_room_is_named() -> None:
    with pytest.raises(LookupError, match=r"server/feed\.py"):
        shares({"server/feed.py": report(1, 0, (1, 0))}, ROOMS)


def test_every_room_has_a_least() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    measured = settings["tool"]["coverage"]["run"]["source"]
    least = tomllib.loads(LEAST.read_text())["least"]
    assert {room.partition("/")[0] for room in least} == set(measured)
    assert least["wire"] == least["records"] == 100
