"""What is worked out from the events: dossiers, visits, people sent away. Never the truth.

These tables may be dropped and built anew from the events (`server.rebuilding`), so their shape
follows the readers. A record stands as MessagePack beside the few columns that are searched.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, String, Table, Text

from server.store.columns import METADATA


def _id(name: str) -> Column[bytes]:
    return Column(name, LargeBinary(16), primary_key=True, nullable=False)


def _int(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


# A dossier as it stands (records.dossier.Dossier) and its story (records.statistics.History).
dossier = Table(
    "dossier",
    METADATA,
    _id("office_id"),
    _id("dossier_id"),
    Column("device_id", LargeBinary(32), nullable=False),  # which keeps it: in its journal or desk
    Column("stand", LargeBinary, nullable=False),
    Column("history", LargeBinary, nullable=False),
    Column("code", String(60), nullable=True),
    _int("book_year", null=True),
    _int("volume", null=True),
    _int("number", null=True),
    Column("open", Boolean, nullable=False),  # worked on, or papers are waited for
    Column("conflicts", BigInteger, nullable=False, server_default="0"),  # open ones
    _int("first_ms"),  # when it began to count, and when something last happened to it
    _int("last_ms"),
    _int("received_ms"),  # when the newest event about it reached the province
    Index(None, "office_id", "code"),
    Index(None, "office_id", "book_year", "volume", "number"),
    Index(None, "office_id", "last_ms"),
    Index(None, "office_id", "conflicts"),
)

# A visit as it stands (records.visits.Visit).
visit = Table(
    "visit",
    METADATA,
    _id("office_id"),
    _id("visit_id"),
    Column("stand", LargeBinary, nullable=False),
    _int("began_ms"),
    Index(None, "office_id", "began_ms"),
)

# Somebody sent away before acceptance: no dossier, no number, but counted.
declined = Table(
    "declined",
    METADATA,
    _id("office_id"),
    _id("event_id"),
    Column("procedure_code", Text, nullable=False),
    _int("at_ms"),
    Index(None, "office_id", "at_ms"),
)

# A document that an event tells of: the blob to ask for, and its size in encrypted bytes.
document = Table(
    "document",
    METADATA,
    _id("office_id"),
    Column("blob_id", LargeBinary(32), primary_key=True, nullable=False),
    Column("dossier_id", LargeBinary(16), nullable=False),  # of the first event that tells of it
    Column("device_id", LargeBinary(32), nullable=False),
    _int("bytes"),
    Index(None, "office_id", "device_id"),
)

PROJECTIONS: tuple[Table, ...] = (dossier, visit, declined, document)
