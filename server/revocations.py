"""The list of revoked devices that a restore of the database never replaces.

A file beside the data, one line a revocation: device id and the signed statement, in hexadecimal.
"""

from __future__ import annotations

import os
from pathlib import Path

from wire import statements
from wire.statements import Revoked

NAME = "revocations.txt"


def append(data_dir: Path, device_id: bytes, statement: bytes) -> None:
    """Add a revocation durably: written, fsynced, the directory too when the file is new."""
    path = data_dir / NAME
    fresh = not path.exists()
    # Who is revoked is nobody's business but the province's.
    with open(path, "a", encoding="ascii", opener=_private) as file:
        # A line that a power cut tore off stands alone: the next one does not hang on to it.
        torn = file.tell() > 0 and not path.read_bytes().endswith(b"\n")
        file.write(("\n" if torn else "") + f"{device_id.hex()} {statement.hex()}\n")
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
    """Return the signed statement of each revoked device, by its id.

    A line that a power cut tore off is passed over: whoever wanted it was not told that it is so.
    """
    path = data_dir / NAME
    if not path.exists():
        return {}
    lines = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    return dict(line for line in map(_whole, lines) if line is not None)


def _whole(line: list[str]) -> tuple[bytes, bytes] | None:
    try:
        device_id, statement = (bytes.fromhex(word) for word in line)
        named = statements.read_unverified(statement, Revoked).device_id
    except ValueError:  # Malformed is one
        return None
    return (device_id, statement) if named == device_id else None


def is_revoked(data_dir: Path, device_id: bytes) -> bool:
    """Return whether the file names this device."""
    path = data_dir / NAME
    if not path.exists():
        return False
    wanted = device_id.hex()
    lines = path.read_text(encoding="ascii").splitlines()
    return any(line.partition(" ")[0] == wanted for line in lines)
