"""What one run of the benchmark was asked for, handed to every measurement."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import Figure

ONLY_WHOLE = "takes too long for --quick"


@dataclass(frozen=True)
class Plan:
    """Folder on the measured disk, seed, and how thorough: quick, usual or full."""

    folder: Path
    seed: int
    is_quick: bool = False
    is_full: bool = False
    began: float = field(default_factory=time.monotonic)

    def tell(self, text: str) -> None:
        """Say on stderr what is being done, with the seconds since the start."""
        sys.stderr.write(f"[{self.age_s:4} s] {text}\n")
        sys.stderr.flush()

    @property
    def age_s(self) -> int:
        """Seconds since the run began."""
        return round(time.monotonic() - self.began)

    def often(self, usual: int, quick: int) -> int:
        """Return how many times something is done."""
        return quick if self.is_quick else usual


Measure = Callable[[Plan], Iterator[Figure]]


@dataclass(frozen=True)
class Group:
    """Measurements that share their set-up; the seconds are what they take, about."""

    name: str
    title: str
    measure: Measure
    usual_s: int
    quick_s: int
