"""Every crash point of a program: SIGKILL, or an error, at its Nth call of one kind, N = 1, 2 ...

`strace` counts and strikes. It counts calls by thread, so N runs until the busiest thread (the
one that writes the database) has had its last; kernel and files are real. `--seccomp-bpf` would be
faster, but strace 6.1 then never delivers the signal: a sweep that struck nothing is a broken rig,
not a good program, so every test says how many points it expects at least.
"""

import itertools
import os
import re
import shutil
import signal
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

SURVIVED = 2
needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="needs strace: apt install strace"
)
DURABLE = ("pwrite64", "fsync", "fdatasync", "ftruncate", "unlink", "rename")
"""The calls by which files change, apart from `write`, which only logs and sockets see."""


KILLED = "signal=SIGKILL"
IO_ERROR = "error=EIO"
NO_SPACE = "error=ENOSPC"


class Point(NamedTuple):
    """The `number`th call of `call` by any one thread, and what happens there.

    `log`: a file that gets a line for each such call, the one that was struck marked as injected.
    """

    call: str
    number: int
    fate: str = KILLED
    log: str = "/dev/null"

    def __str__(self) -> str:
        fate = "" if self.fate == KILLED else f" with {self.fate}"
        return f"{self.call} no. {self.number}{fate}"

    @property
    def tracer(self) -> tuple[str, ...]:
        """The words before a program's own that let it die here.

        With -D the tracer is the grandchild: the process started is the program itself, and its
        end is the program's end.
        """
        quiet = ("strace", "-D", "-f", "-I", "2", "-qq", "-o", self.log, "-e", "signal=none")
        inject = f"inject={self.call}:{self.fate}:when={self.number}"
        return (*quiet, "-e", f"trace={self.call}", "-e", inject)


def heal(pid: int) -> None:
    """Let the tracer of a program go, and with it what it injects: the disk is well again.

    strace counts the calls of each thread, and whoever mends himself begins new ones: without this
    the same fault would meet him again and again.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    tracer = int(re.findall(r"(?m)^TracerPid:\s+(\d+)", status)[0])
    if tracer:
        os.kill(tracer, signal.SIGTERM)


@dataclass
class Sweep:
    """The points of one kind of call, or every `step`th from `first` on (a shard).

    How many calls a run makes differs by a few from run to run (what is committed together is a
    matter of moments), so a sweep is over when the program has survived `SURVIVED` points in a row.
    """

    call: str
    first: int = 1
    step: int = 1
    struck: int = field(default=0, init=False)

    def over(self, strike: Callable[[Point], bool]) -> int:
        """Strike at point after point; give how many times the program died.

        `strike` runs it to its end or its death, and tells whether it died.
        """
        survived = 0
        for number in itertools.count(self.first, self.step):
            if strike(Point(self.call, number)):
                self.struck, survived = self.struck + 1, 0
            else:
                survived += 1
            if survived == SURVIVED:
                break
        return self.struck


def shards(count: int, taken: Collection[int]) -> list[object]:
    """The shards of a sweep: those in `taken` on every run, all others with `make sweeps`.

    Each is an even sample of all points, so a few of them see every stretch of the work.
    """
    return [
        pytest.param(shard, marks=() if shard in taken else pytest.mark.exhaustive)
        for shard in range(count)
    ]


def assert_struck(points: Sweep, at_least: int) -> None:
    """Hold a sweep against what it must have struck at least; 0: the program makes no such call."""
    if at_least:
        assert points.struck >= at_least, f"{points}: the rig is broken"
    else:
        assert points.struck == 0, f"{points}: it happens now, so say how often at least"
