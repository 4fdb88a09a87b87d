"""What the figures were measured on: a slow machine changes them, but not their ratios."""

import os
import platform
import shutil
import statistics
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

FSYNC_ROUNDS = 200
FSYNC_BYTES = 4096


class Machine(Struct, frozen=True, kw_only=True):
    """Processor, kernel, interpreter and disk."""

    cpu: str
    cores: int
    memory_mib: int
    kernel: str
    python: str
    disk: str
    fsyncs_s: int
    load: float


class Run(Struct, frozen=True, kw_only=True):
    """One run of the benchmark: what was asked for, when and where."""

    command: str
    at: str
    seed: int
    machine: Machine
    took_s: int = 0

    def lines(self) -> list[str]:
        """Return the facts that stand under the figures."""
        machine = self.machine
        return [
            f"measured {self.at}, seed {self.seed}, in {self.took_s} s",
            (
                f"{machine.cpu}, {machine.cores} cores, {machine.memory_mib} MiB, "
                f"Linux {machine.kernel}, Python {machine.python}"
            ),
            (
                f"disk: {machine.disk}, {machine.fsyncs_s} fsyncs of 4 KiB a second; "
                f"load of the machine at the start {machine.load:.1f}"
            ),
        ]

    def document(self) -> dict[str, Any]:
        """Return the run as JSON holds it."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


def look(folder: Path) -> Machine:
    """Look at this machine; the disk is that of `folder`."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_mib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        kernel=platform.release(),
        python=platform.python_version(),
        disk=_disk(folder),
        fsyncs_s=fsync_rate(folder),
        load=os.getloadavg()[0],
    )


def now() -> str:
    """Return this moment for people, to the minute, with its offset."""
    return datetime.now().astimezone().isoformat(" ", "minutes")


def fsync_rate(folder: Path) -> int:
    """Return how many appends of 4 KiB a second the disk makes durable, by the median of them."""
    file = folder / "fsync"
    took = []
    with file.open("wb", buffering=0) as out:
        for _ in range(FSYNC_ROUNDS):
            began = time.perf_counter()
            out.write(bytes(FSYNC_BYTES))
            os.fdatasync(out.fileno())
            took.append(time.perf_counter() - began)
    file.unlink()
    return round(1 / statistics.median(took))


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model"}:
            return value.strip()
    return platform.machine()


def _disk(folder: Path) -> str:
    """Return file system and device of the mount that holds `folder`."""
    best = ("", "unknown")
    for line in Path("/proc/mounts").read_text().splitlines():
        device, point, kind, *_ = line.split()
        if str(folder.resolve()).startswith(point) and len(point) > len(best[0]):
            best = (point, f"{kind} on {device}")
    free_gib = shutil.disk_usage(folder).free >> 30
    return f"{best[1]}, {free_gib} GiB free"
