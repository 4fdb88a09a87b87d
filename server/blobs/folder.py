"""Blobs on the province's disk: parts while they come, whole ones under their names.

`<office>/<first two digits>/<id>` holds whole ones, `parts/<office>-<id>` what has come so far.
A part's size is its offset: what a crash leaves beyond the last answer is kept, because the whole
is compared with its id before it counts. Everything here waits for the disk: give it a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from pathlib import Path
from typing import Final

from wire.limits import UPLOAD_S_MAX
from wire.problems import Refusal

READ_BYTES: Final = 1 << 20
RESERVE_BYTES: Final = 256 << 20
"""Kept free: the database on the same disk takes in events while documents are refused."""


class BlobFolder:
    """One folder for all offices."""

    def __init__(self, path: Path, reserve_bytes: int = RESERVE_BYTES) -> None:
        self._path = path
        self._parts = path / "parts"
        self._reserve_bytes = reserve_bytes

    def offset(self, office_id: bytes, blob_id: bytes) -> int | None:
        """Return how many bytes have come of an unfinished blob, None when none was begun."""
        with contextlib.suppress(FileNotFoundError):
            return self._part(office_id, blob_id).stat().st_size
        return None

    def size(self, office_id: bytes, blob_id: bytes) -> int | None:
        """Return the bytes of a whole blob, None when it is not here."""
        with contextlib.suppress(FileNotFoundError):
            return self._whole(office_id, blob_id).stat().st_size
        return None

    def need(self, size: int) -> None:
        """Raise Refusal disk-full unless `size` more bytes leave the reserve untouched."""
        if shutil.disk_usage(self._path).free - size < self._reserve_bytes:
            raise Refusal("disk-full")

    def begin(self, office_id: bytes, blob_id: bytes, size: int) -> None:
        """Begin a blob of `size` bytes, anew if it was begun. Raises Refusal disk-full."""
        self._parts.mkdir(mode=0o750, parents=True, exist_ok=True)
        self.need(size)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        os.close(os.open(self._part(office_id, blob_id), flags, 0o640))
        _sync(self._parts)

    def open(self, office_id: bytes, blob_id: bytes) -> int:
        """Open an unfinished blob for writing at its end."""
        return os.open(self._part(office_id, blob_id), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def drop(self, office_id: bytes, blob_id: bytes) -> None:
        """Forget what has come of an unfinished blob."""
        self._part(office_id, blob_id).unlink(missing_ok=True)

    def keep(self, office_id: bytes, blob_id: bytes) -> bool:
        """Give a finished blob its place, durably; drop it and return False if it is another."""
        part, whole = self._part(office_id, blob_id), self._whole(office_id, blob_id)
        with part.open("rb") as file:
            digest = hashlib.sha256()
            while data := file.read(READ_BYTES):
                digest.update(data)
            if digest.digest() != blob_id:
                part.unlink()
                return False
            os.fsync(file.fileno())
        whole.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        part.replace(whole)
        for folder in (whole.parent, whole.parent.parent, self._path, self._parts):
            _sync(folder)
        return True

    def forget_old(self, now_s: float) -> int:
        """Drop parts that nothing came to for a week; return how many."""
        dropped = 0
        for part in self._parts.iterdir() if self._parts.exists() else ():
            with contextlib.suppress(FileNotFoundError):
                if part.stat().st_mtime < now_s - UPLOAD_S_MAX:
                    part.unlink()
                    dropped += 1
        return dropped

    def _part(self, office_id: bytes, blob_id: bytes) -> Path:
        return self._parts / f"{office_id.hex()}-{blob_id.hex()}"

    def _whole(self, office_id: bytes, blob_id: bytes) -> Path:
        name = blob_id.hex()
        return self._path / office_id.hex() / name[:2] / name


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
