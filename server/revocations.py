"""The list of revoked devices that a restore of the database never replaces.

A file beside the data, one line a revocation: device id and the signed statement, in hexadecimal.
"""

from __future__ import annotations

import os
from pathlib import Path

NAME = "revocations.txt"


def append(data_dir: Path, device_id: bytes, statement: bytes) -> None:
    """Add a revocation durably: written, fsynced, the directory too when the file is new."""
    path = data_dir / NAME
    fresh = not path.exists()
    # Who is revoked is nobody's business but the province's.
    with open(path, "a", encoding="ascii", opener=_private) as file:
        file.write(f"{device_id.hex()} {statement.hex()}\n")
        file.flush()
        os.fsync(file.fileno())
    if fresh:
        folder = os.open(data_dir, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o640)


def every(data_dir: Path) -> dict[bytes, bytes]:
    """Return the signed statement of each revoked device, by its id."""
    path = data_dir / NAME
    if not path.exists():
        return {}
    lines = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    return {bytes.fromhex(line[0]): bytes.fromhex(line[1]) for line in lines if len(line) == 2}


def is_revoked(data_dir: Path, device_id: bytes) -> bool:
    """Return whether the file names this device."""
    path = data_dir / NAME
    if not path.exists():
        return False
    wanted = device_id.hex()
    lines = path.read_text(encoding="ascii").splitlines()
    return any(line.partition(" ")[0] == wanted for line in lines)
