"""A disk with a volatile cache, worked out from what a program asked of it.

strace writes down each write, truncation, removal and flush of a running program, with its bytes
and its moment. From that follows what the platter may hold if power goes at any point: what was
flushed surely, of the rest nothing, all, or some of it, torn at sectors. What anybody was told
before that point must be there.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple, TypeAlias

Mode: TypeAlias = Literal["none", "all", "some"]
MODES: tuple[Mode, ...] = ("none", "all", "some")
SECTOR_BYTES = 512
SHOWN_BYTES = 1 << 17
"""More than any single write: what strace cuts off would be lost to the replay."""
CALLS = "pwrite64,ftruncate,fsync,fdatasync,unlink"

_LINE = re.compile(r"^(\d+)\s+(\d+\.\d+) (.*)$")
_WRITE = re.compile(r'^pwrite64\(\d+<([^>]*)>, "([^"]*)", (\d+), (\d+)')
_CUT = re.compile(r"^ftruncate\(\d+<([^>]*)>, (\d+)")
_FLUSH = re.compile(r"^f(?:data)?sync\(\d+<([^>]*)>")
_UNLINK = re.compile(r'^unlink\("([^"]*)"')
_RESUMED = re.compile(r"^<\.\.\. f(?:data)?sync resumed>.*= 0")


class Write(NamedTuple):
    """Bytes put at a place; unflushed until the file's next flush."""

    offset: int
    data: bytes


class Resize(NamedTuple):
    """The file got this length; -1: it was removed."""

    size: int


class Flush(NamedTuple):
    """Everything asked of the file before is on the platter."""


class Step(NamedTuple):
    """One call: when it began (flushes: when it was done), on which file, what it does."""

    at_s: float
    path: str
    what: Write | Resize | Flush


def tracer(log: Path) -> tuple[str, ...]:
    """The words before a program's own that write down what it asks of the disk."""
    quiet = ("strace", "-D", "-f", "-I", "2", "-qq", "-y", "-xx", "-ttt", "-e", "signal=none")
    return (*quiet, "-s", str(SHOWN_BYTES), "-o", str(log), "-e", f"trace={CALLS}")


def read_steps(log: Path) -> list[Step]:
    """Read what strace wrote, in its order."""
    return list(_steps(log))


def _steps(log: Path) -> Iterator[Step]:
    flushing: dict[str, str] = {}
    with log.open(encoding="ascii") as lines:
        for line in lines:
            found = _LINE.match(line)
            if found is None:
                continue
            thread, at_s, call = found[1], float(found[2]), found[3]
            if write := _WRITE.match(call):
                data = _bytes(write[2])
                assert len(data) == int(write[3]), "strace shows too little"
                yield Step(at_s, _path(write[1]), Write(int(write[4]), data))
            elif cut := _CUT.match(call):
                yield Step(at_s, _path(cut[1]), Resize(int(cut[2])))
            elif gone := _UNLINK.match(call):
                yield Step(at_s, _bytes(gone[1]).decode(), Resize(-1))
            elif flush := _FLUSH.match(call):
                if "unfinished" in call:
                    flushing[thread] = _path(flush[1])
                else:
                    yield Step(at_s, _path(flush[1]), Flush())
            elif _RESUMED.match(call):
                yield Step(at_s, flushing.pop(thread), Flush())


def _bytes(shown: str) -> bytes:
    return bytes.fromhex(shown.replace("\\x", ""))


def _path(shown: str) -> str:
    """-xx writes paths in hex too."""
    return _bytes(shown).decode() if shown.startswith("\\x") else shown


@dataclass
class Cached:
    """One file: what the platter surely holds, and what was asked for since."""

    flushed: bytearray | None
    pending: list[Write | Resize] = field(default_factory=list)

    def take(self, what: Write | Resize | Flush, *, lying: bool) -> None:
        """Follow one step; a lying disk says yes to a flush and does nothing."""
        if not isinstance(what, Flush):
            self.pending.append(what)
        elif not lying:
            for waiting in self.pending:
                self.flushed = applied(self.flushed, waiting)
            self.pending = []

    def after_cut(self, mode: Mode, random: Random) -> bytearray | None:
        """What may be on the platter."""
        found = None if self.flushed is None else bytearray(self.flushed)
        for waiting in self.pending:
            if mode == "all":
                found = applied(found, waiting)
            elif mode == "some" and random.random() < 0.5:
                found = applied(found, torn(waiting, random))
        return found


def applied(content: bytearray | None, what: Write | Resize) -> bytearray | None:
    """Return a file's content after one step; None: there is no file."""
    if isinstance(what, Write):
        content = bytearray() if content is None else content
        end = what.offset + len(what.data)
        content.extend(bytes(max(0, end - len(content))))
        content[what.offset : end] = what.data
        return content
    if what.size < 0:
        return None
    content = bytearray() if content is None else content
    del content[what.size :]
    content.extend(bytes(what.size - len(content)))
    return content


def torn(what: Write | Resize, random: Random) -> Write | Resize:
    """Let only the first sectors of a write arrive, every other time."""
    if isinstance(what, Resize) or random.random() < 0.5:
        return what
    sectors = len(what.data) // SECTOR_BYTES
    return Write(what.offset, what.data[: random.randrange(sectors + 1) * SECTOR_BYTES])


class Disk:
    """The files under one folder, as they were before the program ran and what it asked since."""

    def __init__(self, files: dict[str, bytes], *, lying: bool = False) -> None:
        self._lying = lying
        self._files = {path: Cached(bytearray(data)) for path, data in files.items()}

    def take(self, step: Step) -> None:
        """Follow one step."""
        self._files.setdefault(step.path, Cached(None)).take(step.what, lying=self._lying)

    def cut(self, path: str, target: Path, mode: Mode, seed: int) -> None:
        """Write to `target` what the platter may hold of the database at `path`, and of its log."""
        for suffix in ("", "-wal"):
            file = target.with_name(target.name + suffix)
            held = self._files.get(path + suffix, Cached(None)).after_cut(mode, Random(seed))
            file.unlink(missing_ok=True)
            if held is not None:
                file.write_bytes(held)
        target.with_name(target.name + "-shm").unlink(missing_ok=True)


def contents(path: Path) -> dict[str, bytes]:
    """The files of a database that nobody has open."""
    parts = [path, path.with_name(path.name + "-wal")]
    return {str(part): part.read_bytes() for part in parts if part.exists()}


def cut_places(steps: Sequence[Step], path: str, every: int) -> list[int]:
    """Where power goes: before each flush of the database, right after it, and every so often."""
    own = [n for n, step in enumerate(steps) if step.path.startswith(path)]
    flushes = {n + d for n in own if isinstance(steps[n].what, Flush) for d in (0, 1)}
    return sorted(flushes | set(own[::every]) | {len(steps)})
