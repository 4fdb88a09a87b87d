"""How a run of the benchmark ends, and what it reads from the kernel and from a busy province."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import __main__ as bench
from bench import offices, provinces
from bench.figures import Figure, at_most, skipped
from bench.plan import Group, Measure, Plan
from bench.processes import cpu_s, family_cpu_s


def works(_plan: Plan) -> Iterator[Figure]:
    yield Figure(key="a.b", title="a figure", unit="B", value=1, goal=at_most(2))


def breaks(_plan: Plan) -> Iterator[Figure]:
    yield Figure(key="a.b", title="a figure", unit="B", value=1, goal=at_most(2))
    raise RuntimeError("the line is gone")


def misses(_plan: Plan) -> Iterator[Figure]:
    yield Figure(key="a.b", title="a figure", unit="B", value=3, goal=at_most(2))


def skips(_plan: Plan) -> Iterator[Figure]:
    yield skipped("a.b", "a figure", "B", "needs root")


@pytest.mark.parametrize(
    ("measure", "code", "said"),
    [
        (works, 0, "1 pass"),
        (skips, 0, "1 skipped"),
        (misses, 1, "1 miss"),
        (breaks, 1, "1 broken"),
    ],
)
def test_a_run_ends_with_1_when_it_has_not_shown_what_it_is_for(
    measure: Measure,
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bench, "GROUPS", (Group("one", "One", measure, 1, 1),))
    done = CliRunner().invoke(bench.main, ["--dir", str(tmp_path)])
    assert done.exit_code == code, done.output
    assert said in done.output


def test_what_children_worked_counts_while_they_live_and_after() -> None:
    burns = "import time\nwhile time.process_time() < 0.3: pass\n"
    program = (
        "import subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', {burns!r}])\n"
        f"other = subprocess.Popen([sys.executable, '-c', {burns!r} + 'print(1, flush=True)\\n'"
        " + 'input()'], stdin=subprocess.PIPE)\n"
        "input()\nother.communicate()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        assert cpu_s(parent.pid) < 0.5 < family_cpu_s(parent.pid)
        parent.communicate(b"\n")


class Busy:
    """A province's line that asks to come again twice before it takes the message in."""

    def __init__(self, _to: object) -> None:
        self._answers = [(503, 0, b""), (429, 0, b""), (200, 0, b"in")]

    async def post(self, _message: bytes) -> tuple[int, int, bytes]:
        return self._answers.pop(0)

    async def close(self) -> None:
        """Nothing is open."""


async def test_an_office_is_in_when_it_was_taken_in_not_when_it_was_told_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(offices, "Line", Busy)
    monkeypatch.setattr(offices, "judge", lambda *_: None)
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", wait)
    tally = offices.Tally()
    each = provinces.Sealed(device=None, message=b"", last_seq=1)  # type: ignore[arg-type]
    await offices._come_back(None, each, tally, random.Random(1))  # type: ignore[arg-type]
    assert (len(tally.answered_s), len(tally.in_s), tally.busy, tally.lost) == (3, 1, 2, 0)
    assert len(waits) == 2
    assert tally.in_s[0] >= max(tally.answered_s)
