"""The catalogue of the province's tables, and how their columns are written."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Text

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def bytes_(
    name: str, size: int | None = None, *, key: bool = False, null: bool = False
) -> Column[bytes]:
    """Identifiers, keys, hashes: raw bytes, `size` of them or any number."""
    return Column(name, LargeBinary(size), primary_key=key, nullable=null)


def text_(
    name: str, size: int | None = None, *, key: bool = False, null: bool = False
) -> Column[str]:
    """Text, of at most `size` characters or any number."""
    kind = String(size) if size else Text()
    return Column(name, kind, primary_key=key, nullable=null)


def int_(name: str, *, key: bool = False, null: bool = False) -> Column[int]:
    """A number, or a time in milliseconds since the epoch."""
    return Column(name, BigInteger, primary_key=key, nullable=null, autoincrement=False)
