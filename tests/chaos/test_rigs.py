"""The rigs are tried on programs whose answer is known: a rig whose control passes is broken."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.crashpoints import Point, Sweep, needs_strace

LINES = [str(number) for number in range(3)]
RECORDER = Path(__file__).with_name("recorder.py")


def lost_at(point: Point, file: Path, manner: str) -> tuple[bool, set[str]]:
    """Run the recorder until it ends or dies; tell whether it died, and what it had promised."""
    done = subprocess.run(
        [*point.tracer, sys.executable, str(RECORDER), str(file), manner],
        input="\n".join(LINES) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    kept: set[str] = set()
    with sqlite3.connect(file) as connection:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
            kept = {line for (line,) in connection.execute("SELECT line FROM kept")}
    connection.close()
    return done.returncode != 0, set(done.stdout.split()) - kept


@pytest.mark.system
@needs_strace
@pytest.mark.parametrize(("manner", "loses"), [("honest", False), ("hasty", True)])
def test_a_crash_sweep_finds_who_answers_before_the_commit(
    tmp_path: Path, manner: str, loses: bool
) -> None:
    lost: dict[Point, set[str]] = {}

    def strike(point: Point) -> bool:
        died, missing = lost_at(point, tmp_path / f"{point.number}.db", manner)
        if missing:
            lost[point] = missing
        return died

    struck = Sweep("pwrite64").over(strike)
    assert struck >= 15, "three transactions of two pages each, their WAL, and a checkpoint"
    assert bool(lost) is loses, f"{manner}: {lost}"
