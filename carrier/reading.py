"""Reading a stick: regular files of bounded size, in bounded number, and nothing else.

A stick may hold symbolic links, devices, pipes, a hundred thousand files, or the same name twice
in two cases. Whatever is no regular file of ours is passed over; what is too large is named.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from carrier import names
from wire.limits import MESSAGE_BYTES_MAX
from wire.problems import Refusal

FILES_MAX: Final = 20_000
"""Files of ours on one stick: six for each office of the largest province, for weeks."""
ENTRIES_MAX: Final = 200_000
"""Entries of any kind that are looked at: a folder that holds more is not one of ours."""


def find(stick: Path, is_ours: Callable[[str], bool]) -> list[Path]:
    """Return the files of ours on a stick, by name.

    Raises Refusal: `carrier-missing` when the folder cannot be read, `carrier-crowded` when there
    is more than can honestly have been put there.
    """
    try:
        folders = [
            entry.path
            for entry in _entries(stick)
            if names.is_folder(entry.name) and entry.is_dir(follow_symlinks=False)
        ]
        found = [
            Path(entry.path)
            for folder in folders
            for entry in _entries(Path(folder))
            if is_ours(entry.name) and entry.is_file(follow_symlinks=False)
        ]
    except OSError as error:
        raise Refusal("carrier-missing", f"{stick}: {error.strerror}") from error
    if len(found) > FILES_MAX:
        raise Refusal("carrier-crowded", str(stick))
    return sorted(found, key=lambda path: path.name.upper())


def read(path: Path, limit: int = MESSAGE_BYTES_MAX) -> bytes:
    """Return the bytes of a file.

    Raises Refusal: `too-large`, or `carrier-unreadable` when it is no regular file, is a link, or
    the stick does not give it.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise Refusal("carrier-unreadable", path.name)
            data = file.read(limit + 1)
    except OSError as error:
        raise Refusal("carrier-unreadable", f"{path.name}: {error.strerror}") from error
    if len(data) > limit:
        raise Refusal("too-large", path.name)
    return data


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    entries = []
    with os.scandir(folder) as listing:
        for entry in listing:
            entries.append(entry)
            if len(entries) > ENTRIES_MAX:
                raise Refusal("carrier-crowded", str(folder))
    return entries
