"""Writing to a stick so that 'safe to remove' is never a lie.

On FAT the usual recipe (write, fsync, rename, fsync the directory) left 30 of 30 files empty after
a pull. What holds: fsync the file again under its new name, syncfs the whole stick, drop what the
kernel has cached, read everything back from the stick itself and compare.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final, NoReturn

from carrier.names import FOLDER, is_folder
from wire.problems import Refusal

GONE: Final = frozenset({errno.EIO, errno.ENODEV, errno.ENOENT, errno.ESTALE, errno.ENXIO})
"""What a stick that was pulled says, depending on how far the kernel knows."""


class Carried:
    """The files written to one stick; `settle` makes them true."""

    def __init__(self, stick: Path) -> None:
        """Open or make the folder on the stick. Raises Refusal as `write` does."""
        try:
            found = sorted(path for path in stick.iterdir() if is_folder(path.name))
            self.folder = found[0] if found else stick / FOLDER
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            _refuse(error, stick)
        self._written: dict[str, bytes] = {}

    @property
    def written(self) -> Mapping[str, bytes]:
        """SHA-256 of every file by its name."""
        return self._written

    def has(self, name: str) -> bool:
        """Whether a file of this name lies on the stick already, in any case."""
        return any(path.name.upper() == name for path in self.folder.iterdir())

    def write(self, name: str, data: bytes) -> None:
        """Put a file on the stick, whole or not at all; an older one of this name is replaced.

        Raises Refusal: `carrier-full`, `carrier-gone`, `carrier-failed`.
        """
        target = self.folder / name
        partial = target.with_suffix(".TMP")
        try:
            partial.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(partial, flags, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(target)
            _sync(target)
        except OSError as error:
            _refuse(error, target)
        self._written[name] = sha256(data).digest()

    def settle(self) -> None:
        """Make all that was written true, and look: afterwards the stick may be pulled.

        Raises Refusal: `carrier-failed` when it holds something else than was written,
        `carrier-gone`.
        """
        try:
            _sync(self.folder, os.O_DIRECTORY)
            _sync_whole(self.folder)
            for name, digest in self._written.items():
                if sha256(_read_anew(self.folder / name)).digest() != digest:
                    raise Refusal("carrier-failed", name)
        except OSError as error:
            _refuse(error, self.folder)


def _sync(path: Path, extra: int = 0) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | extra)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_whole(folder: Path) -> None:
    """Write the whole file system back, its allocation table too (syncfs, Linux)."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)


def _read_anew(path: Path) -> bytes:
    """Read from the stick, not from what the kernel remembers of it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return file.read()


def _refuse(error: OSError, path: Path) -> NoReturn:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        raise Refusal("carrier-full", str(path)) from error
    if error.errno in GONE:
        raise Refusal("carrier-gone", f"{path}: {error.strerror}") from error
    raise Refusal("carrier-failed", f"{path}: {error.strerror}") from error
