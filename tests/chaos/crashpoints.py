"""Every crash point of a program: SIGKILL at its Nth call of one kind, N = 1, 2, 3 ...

`strace` counts and strikes. It counts calls by thread, so N runs until the busiest thread (the
one that writes the database) has had its last; kernel and files are real. `--seccomp-bpf` would be
faster, but strace 6.1 then never delivers the signal: a sweep that struck nothing is a broken rig,
not a good program, so every test says how many points it expects at least.
"""

import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest

SURVIVED = 2
needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="needs strace: apt install strace"
)
DURABLE = ("pwrite64", "fsync", "fdatasync", "ftruncate", "unlink", "rename")
"""The calls by which files change, apart from `write`, which only logs and sockets see."""


class Point(NamedTuple):
    """The `number`th call of `call` by any one thread."""

    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.call} no. {self.number}"

    @property
    def tracer(self) -> tuple[str, ...]:
        """The words before a program's own that let it die here.

        With -D the tracer is the grandchild: the process started is the program itself, and its
        end is the program's end.
        """
        quiet = ("strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "signal=none")
        inject = f"inject={self.call}:signal=SIGKILL:when={self.number}"
        return (*quiet, "-e", f"trace={self.call}", "-e", inject)


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


def assert_struck(points: Sweep, at_least: int) -> None:
    """Hold a sweep against what it must have struck at least; 0: the program makes no such call."""
    if at_least:
        assert points.struck >= at_least, f"{points}: the rig is broken"
    else:
        assert points.struck == 0, f"{points}: it happens now, so say how often at least"
