"""Files that are there whole or not at all, also after a power cut."""

import os
from pathlib import Path

SECRET = 0o600
PRIVATE_FOLDER = 0o700


def write(file: Path, data: bytes, *, mode: int = SECRET) -> None:
    """Put `data` at `file`, replacing what was there: temporary name, fsync, rename, fsync."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        os.fchmod(descriptor, mode)
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    except BaseException:
        temporary.unlink()
        raise
    finally:
        os.close(descriptor)
    temporary.replace(file)
    sync_folder(file.parent)


def private_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter, durably; one that is there is closed too."""
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    folder.chmod(PRIVATE_FOLDER)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
