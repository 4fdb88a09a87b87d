"""One daemon per data directory: an flock the kernel gives back whatever happens to us."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from wire.problems import Refusal

LOCK_FILE = "agent.lock"


class DataLock:
    """Holds `data_dir/agent.lock`; use as a context manager."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / LOCK_FILE
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Take the lock at once. Raises Refusal `daemon-running` when somebody holds it."""
        self._file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise Refusal("daemon-running", f"pid {holder}" if holder else "") from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the lock back."""
        os.close(self._descriptor)
        self._descriptor = -1
