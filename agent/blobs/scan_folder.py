"""The folder that a scanner writes into: what lies there whole, and nothing beyond it.

Looked at, not listened to: a share of another machine tells no inotify watch what others write.
A look lists one folder, which costs a fraction of a millisecond.

- Only ordinary files of the folder itself: no links, folders, pipes or devices, and no file that
  has a second name elsewhere (`nlink`), which may be one its owner may not read.
- Names that programs give to what they are still writing are left alone.
- Everything happens below one open folder, so a folder that is swapped meanwhile is not followed.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from wire.problems import Refusal

ENTRIES_MAX: Final = 2_000
"""Entries looked at in one look: more lie there only if nobody has looked after it for weeks."""
READ_BYTES: Final = 1 << 20
UNFINISHED: Final = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".filepart", "~")
BESIDE: Final = frozenset({"thumbs.db", "desktop.ini"})
"""What Windows puts beside files of its own accord."""


class Found(NamedTuple):
    """A file as it lay there at one look; two that are equal are one file that nobody changed."""

    file: bytes
    size: int
    mtime_ns: int
    inode: int

    @property
    def name(self) -> str:
        """The name as people see it."""
        return self.file.decode("utf-8", "replace")


class ScanFolder:
    """One folder, opened for each look: a share may be gone and come back."""

    def __init__(self, path: Path, own: tuple[Path, ...]) -> None:
        """`own`: folders of the daemon; one that holds them or lies in them is no scan folder."""
        self._path, self._own = path, own

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Open the folder. Raises Refusal scan-folder-missing, scan-folder-own."""
        try:
            folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Refusal("scan-folder-missing", f"{self._path}: {error.strerror}") from error
        try:
            self._check()
            yield folder
        finally:
            os.close(folder)

    def look(self) -> tuple[Found, ...]:
        """Return the files that lie there, the oldest first.

        Raises Refusal scan-folder-missing, scan-folder-own.
        """
        with self.opened() as folder:
            try:
                return tuple(sorted(_files(folder), key=lambda found: (found.mtime_ns, found.file)))
            except OSError as error:
                raise Refusal("scan-folder-missing", f"{self._path}: {error.strerror}") from error

    @contextmanager
    def reading(self, found: Found) -> Iterator[int]:
        """Open a file that still is what was found. Raises Refusal scan-unreadable."""
        with self.opened() as folder:
            file = _open(folder, found)
            try:
                yield file
            finally:
                os.close(file)

    def remove(self, found: Found) -> bool:
        """Remove a file, durably; False when it cannot be, or is another by now."""
        with self.opened() as folder:
            try:
                if _stat(folder, found.file) == found:
                    os.unlink(found.file, dir_fd=folder)
                    os.fsync(folder)
                    return True
            except FileNotFoundError:
                return True
            except OSError:
                pass
        return False

    def digest(self, found: Found) -> bytes:
        """Return the SHA-256 of a file. Raises Refusal scan-unreadable."""
        total = sha256()
        with self.reading(found) as file:
            try:
                while data := os.read(file, READ_BYTES):
                    total.update(data)
            except OSError as error:
                raise Refusal("scan-unreadable", f"{found.name}: {error.strerror}") from error
        return total.digest()

    def _check(self) -> None:
        real = self._path.resolve()
        for own in (each.resolve() for each in self._own):
            if real.is_relative_to(own) or own.is_relative_to(real):
                raise Refusal("scan-folder-own", str(self._path))


def is_same(file: int, found: Found) -> bool:
    """Tell whether an open file is as it was found: nobody has written to it meanwhile."""
    return _found(found.file, os.fstat(file)) == found


def _files(folder: int) -> Iterator[Found]:
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number >= ENTRIES_MAX:
                return
            file = os.fsencode(entry.name)
            if _is_unfinished(entry.name):
                continue
            with suppress(FileNotFoundError):  # gone since it was listed
                found = _stat(folder, file)
                if found is not None and found.size:
                    yield found


def _is_unfinished(name: str) -> bool:
    lower = name.lower()
    return lower.startswith((".", "~")) or lower.endswith(UNFINISHED) or lower in BESIDE


def _stat(folder: int, file: bytes) -> Found | None:
    """Return what lies under a name; None when it is no ordinary file."""
    status = os.stat(file, dir_fd=folder, follow_symlinks=False)
    return _found(file, status) if stat.S_ISREG(status.st_mode) else None


def _found(file: bytes, status: os.stat_result) -> Found:
    return Found(file, status.st_size, status.st_mtime_ns, status.st_ino)


def _open(folder: int, found: Found) -> int:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = os.open(found.file, flags, dir_fd=folder)
    except OSError as error:
        raise Refusal("scan-unreadable", f"{found.name}: {error.strerror}") from error
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(file)
        raise Refusal("scan-unreadable", f"{found.name}: no file of its own")
    return file
