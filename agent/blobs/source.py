"""A file somebody names, opened only if it is one: no link, no folder, no device, none of ours.

Whoever may use the socket names a path and the daemon reads it, so the daemon's own files, its
keys above all, are no documents, whatever leads there.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from wire.problems import Refusal


def open_source(path: str, forbidden: Sequence[Path]) -> int:
    """Open an ordinary file that lies in none of the folders in `forbidden`.

    The last part of the path is no link; what links lead to before it is looked at where it is.
    Raises Refusal document-unreadable.
    """
    if not path.startswith("/"):
        raise Refusal("document-unreadable", f"{path}: no absolute path")
    try:
        # Without O_NONBLOCK a pipe would hold the thread until somebody writes into it.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        file = os.open(path, flags)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no path"
        raise Refusal("document-unreadable", f"{path}: {reason}") from None
    try:
        _check(file, path, forbidden)
    except BaseException:
        os.close(file)
        raise
    return file


def _check(file: int, path: str, forbidden: Sequence[Path]) -> None:
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise Refusal("document-unreadable", f"{path}: no ordinary file")
    real = Path(os.path.realpath(path))
    same = os.path.samestat(os.stat(real), os.fstat(file))  # noqa: PTH116 - beside fstat
    if not same or any(real.is_relative_to(folder.resolve()) for folder in forbidden):
        raise Refusal("document-unreadable", f"{path}: not for documents")
