"""The province's own tables: what was received, what was promised, who may speak.

Every primary key begins with `office_id`, so that the tables distribute on a PostgreSQL cluster
as they are. Rows that belong to no office stand under `PROVINCE` (16 zero bytes). Identifiers,
keys and hashes are raw bytes; times are milliseconds since the epoch; days are 'YYYY-MM-DD' as
written in the event. Projections have their own module and may be dropped and rebuilt; these
tables may not.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

PROVINCE = bytes(16)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _bytes(
    name: str, size: int | None = None, *, key: bool = False, null: bool = False
) -> Column[bytes]:
    return Column(name, LargeBinary(size), primary_key=key, nullable=null)


def _text(
    name: str, size: int | None = None, *, key: bool = False, null: bool = False
) -> Column[str]:
    kind = String(size) if size else Text()
    return Column(name, kind, primary_key=key, nullable=null)


def _int(name: str, *, key: bool = False, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=null, autoincrement=False)


# An office for life: its id never changes, its code and name may.
office = Table(
    "office",
    METADATA,
    _bytes("office_id", 16, key=True),
    _text("code", 35),
    _text("name"),
    _text("ward_code", 16, null=True),
    _int("created_ms"),
    Index(None, "code"),
)

# Every code an office ever had.
office_code = Table(
    "office_code",
    METADATA,
    _bytes("office_id", 16, key=True),
    _text("code", 35, key=True),
    _text("valid_from", 10, key=True),
    _text("name"),
    Index(None, "code"),
)

# A device: its keys, what it may do, what was last heard from it.
device = Table(
    "device",
    METADATA,
    _bytes("office_id", 16, key=True),
    _bytes("device_id", 32, key=True),
    _bytes("device_key", 32),
    _bytes("sealing_key"),
    _text("state", 12),  # pending | active | quarantined | revoked
    _text("name"),
    _bytes("predecessors"),  # device ids one after the other
    _bytes("record"),  # the signed device record
    _int("serial"),
    _bytes("desk_id", 16),
    _bytes("box", 24, null=True),
    _bytes("turns"),  # wire.turns.TurnState as MessagePack
    _int("enrolled_ms"),
    _int("seen_ms", null=True),
    _bytes("said_journal", 16, null=True),  # the head in its newest current message, as it says
    _int("said_seq", null=True),
    _bytes("said_hash", 32, null=True),
    _text("agent", 32, null=True),
    _bytes("revocation", null=True),  # the signed statement
    _int("restored_ms", null=True),  # last found to remember less, since a person looked
    _int("doubted_ms", null=True),  # the same, as long as no box was shown after it
    Index(None, "device_id"),
)

# One row per journal of a device; its head is what the province holds.
journal = Table(
    "journal",
    METADATA,
    _bytes("office_id", 16, key=True),
    _int("journal_no", key=True),
    _bytes("device_id", 32),
    _bytes("journal_id", 16),
    _text("state", 12),  # open | closed | quarantined
    _int("head_seq"),
    _bytes("head_hash", 32),
    _int("projected_seq"),  # up to here the feed and the projections have it
    _text("leased_until", 10, null=True),  # last day for which it has serials
    _int("opened_ms"),
    _int("received_ms", null=True),
    _bytes("head_statement", null=True),  # the newest the device signed: it proves who wrote
    _int("after_no", null=True),  # the journal it follows, and the place there
    _int("after_seq", null=True),
    _int("released_ms", null=True),  # a person lets the device go on after it once more
    UniqueConstraint("office_id", "device_id", "journal_id"),
)

# The events as they were written. `event` is null and `digest` set when retention is over.
event = Table(
    "event",
    METADATA,
    _bytes("office_id", 16, key=True),
    _int("journal_no", key=True),
    _int("seq", key=True),
    _bytes("hash", 32),
    _bytes("event", null=True),
    _bytes("digest", 32, null=True),
    _text("day", null=True),
    _text("kind", null=True),
    _text("channel", null=True),
    _text("poison", 40, null=True),  # code of the problem that keeps it out of the projections
    _int("occurred_ms", null=True),  # null: the bytes carry no time that can be read
    _text("clock", 9),  # ok | corrected | uncertain
    _int("received_ms"),
)

# Events of branches that nobody has accepted: a tree by hash, beside the journal it grows from.
aside_event = Table(
    "aside_event",
    METADATA,
    _bytes("office_id", 16, key=True),
    _bytes("hash", 32, key=True),
    _bytes("device_id", 32),
    _bytes("journal_id", 16),
    _int("seq"),
    _bytes("prev", 32),  # hash(seq-1): of the journal itself, of the tree, or hash(0)
    _bytes("event", null=True),
    _bytes("digest", 32, null=True),  # with day, kind, channel: of an event that is gone
    _text("day", null=True),
    _text("kind", null=True),
    _text("channel", null=True),
    _int("received_ms"),
    Index(None, "office_id", "journal_id", "seq"),
)

# An event that was entered anew though the province has it: what tells of it tells of `as_id`.
same_record = Table(
    "same_record",
    METADATA,
    _bytes("office_id", 16, key=True),
    _bytes("event_id", 16, key=True),
    _bytes("as_id", 16),
)

# Bookkeeping of docs/protocol.md section 9, kept as events arrive.
day_tally = Table(
    "day_tally",
    METADATA,
    _bytes("office_id", 16, key=True),
    _int("journal_no", key=True),
    _text("day", key=True),
    _text("kind", key=True),
    _text("channel", key=True),
    _int("events"),
    _bytes("digest", 8),
)

# The order in which readers of the feed see events: one row per batch taken in.
feed = Table(
    "feed",
    METADATA,
    _bytes("office_id", 16, key=True),
    _int("first_position", key=True),
    _int("events"),
    _int("journal_no"),
    _int("first_seq"),
    Index(None, "first_position"),
)

# The one counter behind the feed; locked late in a transaction and held until it commits.
feed_counter = Table(
    "feed_counter",
    METADATA,
    _bytes("office_id", 16, key=True),
    _int("next_position"),
)

# An event that was kept but cannot be used as it is, or a remark about a message (seq 0).
problem = Table(
    "problem",
    METADATA,
    _bytes("office_id", 16, key=True),
    _int("journal_no", key=True),
    _int("seq", key=True),
    _text("code", 40, key=True),
    _text("detail"),
    _int("at_ms"),
)

# What a person has to look at. The id is made from the facts, so that telling it twice is once.
incident = Table(
    "incident",
    METADATA,
    _bytes("office_id", 16, key=True),
    _bytes("incident_id", 16, key=True),
    _text("kind", 40),
    _bytes("device_id", 32, null=True),
    _bytes("journal_id", 16, null=True),
    _text("detail"),
    _int("at_ms"),
    _int("settled_ms", null=True),
    _bytes("shown", 24, null=True),  # the box a device showed, where that is the matter
    _text("note", null=True),  # what the person who settled it found
    Index(None, "at_ms"),
)

# Difference between the province's clock and a device's, for one boot of that device.
boot_clock = Table(
    "boot_clock",
    METADATA,
    _bytes("office_id", 16, key=True),
    _bytes("device_id", 32, key=True),
    _bytes("boot", 8, key=True),
    _int("correction_ms"),
    _int("at_ms"),
)

# The newest sync report of each journal, its JSON as received, and the day list if one came.
report = Table(
    "report",
    METADATA,
    _bytes("office_id", 16, key=True),
    _int("journal_no", key=True),
    _bytes("report"),
    _int("received_ms"),
    _bytes("days", null=True),  # wire.digests.encode_days
    _int("days_ms", null=True),
    Column("days_equal", Boolean, nullable=True),
    Index(None, "received_ms"),
)

# The province's journal towards one device.
desk_journal = Table(
    "desk_journal",
    METADATA,
    _bytes("office_id", 16, key=True),
    _bytes("desk_id", 16, key=True),
    _bytes("device_id", 32),
    _bytes("writer_key", 32),  # public signing key in force when it was opened
    _text("state", 8),  # open | closed | lost
    _int("head_seq"),
    _bytes("head_hash", 32),
    _int("opened_ms"),
)

desk_event = Table(
    "desk_event",
    METADATA,
    _bytes("office_id", 16, key=True),
    _bytes("desk_id", 16, key=True),
    _int("seq", key=True),
    _bytes("hash", 32),
    _bytes("event"),
    _int("at_ms"),
)

# Desk events about one dossier: which it is, and after which position of the feed they were folded.
desk_told = Table(
    "desk_told",
    METADATA,
    _bytes("office_id", 16, key=True),
    _bytes("desk_id", 16, key=True),
    _int("seq", key=True),
    _bytes("dossier_id", 16),
    _int("after_position"),
    Index(None, "office_id", "after_position"),
)

# What the province says at present, for one office or for all (PROVINCE): a new desk starts so.
publication = Table(
    "publication",
    METADATA,
    _bytes("office_id", 16, key=True),
    _text("kind", 40, key=True),
    _text("name", key=True),
    _bytes("body"),
    _int("ordinal"),
    _int("at_ms"),
)

# A session of short messages (docs/protocol.md 4.2); `secret` is encrypted under a key that lies
# outside the database. The other columns are what a short message leaves out.
session = Table(
    "session",
    METADATA,
    _bytes("office_id", 16, key=True),
    _bytes("kid", 8, key=True),
    _bytes("device_id", 32),
    _bytes("journal_id", 16),
    _bytes("office_said", 16),
    _bytes("desk_id", 16),
    _bytes("boot", 8),
    _bytes("secret"),
    _int("requests"),
    _int("expires_ms"),
    Index(None, "kid"),
)

# Serials handed to a journal: on each day of the range, from..to are its alone.
lease = Table(
    "lease",
    METADATA,
    _bytes("office_id", 16, key=True),
    _text("prefix", 35, key=True),
    _text("first_day", 10, key=True),
    _int("serial_from", key=True),
    _int("serial_to"),
    _int("width"),
    _text("last_day", 10),
    _bytes("journal_id", 16),
    _bytes("device_id", 32),
    _int("volume"),
)

# A volume of the register book belongs to one journal, in every year: an office that is cut off
# over the turn of the year goes on in the volume it has.
book_volume = Table(
    "book_volume",
    METADATA,
    _bytes("office_id", 16, key=True),
    _int("volume", key=True),
    _bytes("device_id", 32),
    _bytes("journal_id", 16),
)

ticket = Table(
    "ticket",
    METADATA,
    _bytes("office_id", 16, key=True),
    _bytes("ticket_id", 8, key=True),
    _bytes("secret_hash", 32),
    Column("automatic", Boolean, nullable=False),
    _int("issued_ms"),
    _int("expires_ms"),
    _bytes("device_id", 32, null=True),
    _int("used_ms", null=True),
    Index(None, "ticket_id"),
)

# Bearer tokens of readers; only the hash of a token is kept.
token = Table(
    "token",
    METADATA,
    _bytes("office_id", 16, key=True),
    _bytes("token_hash", 32, key=True),
    _text("name"),
    _text("scope", 8),  # reports | feed | admin
    _int("created_ms"),
    _int("expires_ms", null=True),
    _int("revoked_ms", null=True),
)

# People of the province.
user = Table(
    "user_account",
    METADATA,
    _bytes("office_id", 16, key=True),
    _text("name", 64, key=True),
    _text("role", 12),  # viewer | operator | admin
    _text("password_hash"),
    _int("created_ms"),
    _int("disabled_ms", null=True),
)

# Blobs that are here, whole and durable; what lies in the store and not here is noted at the next
# question about it.
blob = Table(
    "blob",
    METADATA,
    _bytes("office_id", 16, key=True),
    _bytes("blob_id", 32, key=True),
    _int("bytes"),
    _int("received_ms"),
)

__all__ = [
    "METADATA",
    "PROVINCE",
    "aside_event",
    "blob",
    "book_volume",
    "boot_clock",
    "day_tally",
    "desk_event",
    "desk_journal",
    "desk_told",
    "device",
    "event",
    "feed",
    "feed_counter",
    "incident",
    "journal",
    "lease",
    "office",
    "office_code",
    "problem",
    "publication",
    "report",
    "same_record",
    "ticket",
    "token",
    "user",
]
