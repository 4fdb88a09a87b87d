"""What the kernel says about a running process: memory that is its own share, processor time."""

import contextlib
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

TICKS_S = os.sysconf("SC_CLK_TCK")


def pss_mib(pid: int) -> float:
    """Return the proportional set size: own pages, and a share of those used by several."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError("smaps_rollup without Pss")


def cpu_s(pid: int) -> float:
    """Return the processor time a process has used, user and system, in seconds."""
    text = Path(f"/proc/{pid}/stat").read_text()
    fields = text[text.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_S


def family_cpu_s(pid: int) -> float:
    """Return the processor time of a process and of all its children, those that ended too."""
    used = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            text = stat.read_text()
            fields = text[text.rindex(")") + 2 :].split()
            if int(stat.parent.name) == pid:
                used += sum(map(int, fields[11:15])) / TICKS_S
            elif int(fields[1]) == pid:
                used += sum(map(int, fields[11:13])) / TICKS_S
    return used


class PeakPss:
    """Watches a process' memory and keeps the largest; a context manager."""

    def __init__(self, pid: int, every_s: float = 0.1) -> None:
        self.mib = 0.0
        self._pid = pid
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak pss", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._every_s):
            self.mib = max(self.mib, pss_mib(self._pid))


class Stopwatch:
    """Measures wall clock in seconds."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def s(self) -> float:
        """Seconds since it was made."""
        return time.perf_counter() - self._began
