"""Room kept aside on the disk, given up when it is full: what cannot wait goes on.

A file of fixed size lies beside the journal. A commit that finds no room gives it up and is tried
once more; from then on no new dossier is taken in, while check-ins and check-outs, the progress of
dossiers already here, receipts of the province and deletions still find room. As soon as there is
twice as much room again the file is made anew. A file and not a page count inside the database:
the log beside it needs room too, and a file is seen by whoever looks at the disk.
"""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Final

NAME: Final = "reserve"
BYTES_MAX: Final = 32 << 20
"""Some 30,000 check-ins: weeks of an office's visitors."""
DOCUMENTS_LEAVE_BYTES: Final = 4 * BYTES_MAX
"""No scan is taken in that would leave less: records go before."""
PART_OF_DISK: Final = 16
"""On a small disk the reserve is no more than this part of it."""


class Reserve:
    """The file, and whether it is there. Any thread may ask."""

    def __init__(self, data_dir: Path) -> None:
        """Nothing is made before `make`."""
        self._file = data_dir / NAME

    @property
    def held(self) -> bool:
        """Whether the room is kept; without it no new dossier is taken in."""
        return self._file.exists()

    def give_up(self) -> bool:
        """Give the room to whoever needs it now; False when there is none left to give."""
        try:
            self._file.unlink()
        except OSError:
            return False
        return True

    def make(self) -> bool:
        """Keep the room aside, again or for the first time; False while there is too little."""
        if self.held:
            return True
        usage = shutil.disk_usage(self._file.parent)
        size = reserve_bytes(usage.total)
        if usage.free < 2 * size:
            return False
        fresh = self._file.with_name(f".{NAME}.fresh")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, size)
            finally:
                os.close(descriptor)
            fresh.rename(self._file)
        except OSError:  # somebody else was faster to take the room
            with contextlib.suppress(OSError):
                fresh.unlink()
            return False
        return True


def reserve_bytes(total_bytes: int) -> int:
    """How much is kept aside on a disk of this size."""
    return min(BYTES_MAX, total_bytes // PART_OF_DISK)
