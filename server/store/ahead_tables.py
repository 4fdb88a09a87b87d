"""Later events from sticks, which wait for a gap to close (docs/protocol.md section 5)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Table

from server.store.columns import METADATA


def _bytes(name: str, size: int | None = None, *, key: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary(size), primary_key=key, nullable=False)


def _int(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=False, autoincrement=False)


# One block as it travelled; `gone` is MessagePack of what its redacted events left behind.
ahead = Table(
    "ahead",
    METADATA,
    _bytes("office_id", 16, key=True),
    _bytes("device_id", 32, key=True),
    _bytes("journal_id", 16, key=True),
    _int("first", key=True),
    _bytes("prev", 32, key=True),
    _int("last"),
    _int("codec"),
    _bytes("data"),
    _bytes("gone"),
    _int("bytes"),
    _int("received_ms"),
)
