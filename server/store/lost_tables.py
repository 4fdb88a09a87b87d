"""What a province that was put back to an older state has to remember until it is whole again."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Table

from server.store.columns import METADATA


def _bytes(name: str, size: int | None = None, *, key: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary(size), primary_key=key, nullable=False)


def _int(name: str, *, key: bool = False, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=null, autoincrement=False)


# Said into a desk journal whose past was lost (docs/protocol.md section 6): its device never heard
# it. It waits here until the next desk journal of this device says it anew.
desk_aside = Table(
    "desk_aside",
    METADATA,
    _bytes("office_id", 16, key=True),
    _bytes("desk_id", 16, key=True),
    _int("seq", key=True),
    _bytes("hash", 32, key=True),
    _bytes("device_id", 32),
    _bytes("event"),
    _int("at_ms"),
    Column(
        "dossier_id", LargeBinary(16), nullable=True
    ),  # of what tells of a dossier, as in `desk_told`
    _int("after_position", null=True),
)

# Each time this database was put back from a copy; `done_ms` is null until `restored` is through.
# A copy that `backup` makes bears such a row from its birth.
restoration = Table(
    "restoration",
    METADATA,
    _bytes("office_id", 16, key=True),
    _bytes("restoration_id", 16, key=True),
    _int("begun_ms"),
    _int("done_ms", null=True),
)
