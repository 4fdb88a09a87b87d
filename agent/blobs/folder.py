"""Where the blobs of an office lie: one file each, named by what is in it.

- `<id>.blob`: a document that an event tells of; never removed by this program
- `<id>.new`: whole and durable, but no event may tell of it: a scan waits to be attached, the
  daemon stopped in between, or the command was refused. The next start asks the journal, and keeps
  or removes it
- `.part-<random>`: being written; the next start removes it

A blob is durable, file and name, before its event is recorded, so no event tells of one that is
not there; and what no event tells of has a name that says so, so nothing stays for ever.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from agent.journal.database import sync_directory
from wire.problems import Refusal

KEPT: Final = ".blob"
NEW: Final = ".new"
PART: Final = ".part-"
NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class BlobFolder:
    """The files of all blobs; every call may wait for the disk, so give it a thread."""

    def __init__(self, path: Path, reserve_bytes: int) -> None:
        """Keep `reserve_bytes` of the disk free: the journal writes on while scans are refused."""
        self._path = path
        self._reserve_bytes = reserve_bytes
        self._is_made = False

    def prepare(
        self,
        is_known: Callable[[str], bool] | None,
        is_waiting: Callable[[str], bool] = lambda _: False,
    ) -> int:
        """Make the folder, finish or remove what a stop left behind; return how much was removed.

        `is_known` tells of a blob's id whether an event names it; None: nobody can say now, and
        the next start asks again. `is_waiting`: whether it is a scan that waits to be attached.
        Raises OSError.
        """
        self._make()
        removed = 0
        for name in sorted(os.listdir(self._path)):  # noqa: PTH208 - names are all that is needed
            is_new = name.endswith(NEW) and is_known is not None
            told = is_new and is_known is not None and is_known(name.removesuffix(NEW))
            if told:
                self.keep(name.removesuffix(NEW))
            elif is_new and is_waiting(name.removesuffix(NEW)):
                continue
            elif is_new or name.startswith(PART):
                (self._path / name).unlink()
                removed += 1
        return removed

    def _make(self) -> None:
        """Make the folder, once: a blob in it is durable only if its own name is."""
        if not self._is_made:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_directory(self._path.parent)
            self._is_made = True

    def begin(self, random: str) -> tuple[int, Path]:
        """Open a new file for a blob whose id is not known yet.

        Raises Refusal disk-full, disk-failed.
        """
        with as_refusals():
            self._make()
        self.check_room(0)
        part = self._path / f"{PART}{random}"
        with as_refusals():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            return os.open(part, flags, 0o600), part

    def check_room(self, more_bytes: int) -> None:
        """Raise Refusal disk-full if so many more bytes would eat into the reserve."""
        with as_refusals():
            free = shutil.disk_usage(self._path).free
        if free - more_bytes < self._reserve_bytes:
            raise Refusal("disk-full")

    def made(self, part: Path, blob_id: str) -> None:
        """Give a whole, fsynced file the name of its blob, durably."""
        with as_refusals():
            part.replace(self._path / f"{blob_id}{NEW}")
            sync_directory(self._path)

    def keep(self, blob_id: str) -> None:
        """Note that an event tells of a blob; the next start makes good a stop before this."""
        with contextlib.suppress(FileNotFoundError):
            (self._path / f"{blob_id}{NEW}").replace(self._path / f"{blob_id}{KEPT}")

    def drop(self, blob_id: str) -> None:
        """Remove a blob that no event tells of."""
        (self._path / f"{blob_id}{NEW}").unlink(missing_ok=True)

    def open(self, blob_id: str) -> int:
        """Open a blob for reading. Raises Refusal document-damaged when it is not there."""
        for ending in (KEPT, NEW):
            with contextlib.suppress(FileNotFoundError):
                return os.open(self._path / f"{blob_id}{ending}", os.O_RDONLY | os.O_CLOEXEC)
        raise Refusal("document-damaged")

    def size(self, blob_id: str) -> int | None:
        """Return the bytes of a blob, None when it is not there."""
        for ending in (KEPT, NEW):
            with contextlib.suppress(FileNotFoundError):
                return (self._path / f"{blob_id}{ending}").stat().st_size
        return None


@contextlib.contextmanager
def as_refusals() -> Iterator[None]:
    """Name what a disk says: disk-full, disk-failed."""
    try:
        yield
    except OSError as error:
        code = "disk-full" if error.errno in NO_ROOM else "disk-failed"
        raise Refusal(code, str(error.strerror or error)) from error
