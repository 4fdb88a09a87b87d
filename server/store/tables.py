"""The province's own tables: what was received, what was promised, who may speak.

Every primary key begins with `office_id`, so that the tables distribute on a PostgreSQL cluster
as they are. Rows that belong to no office stand under `PROVINCE` (16 zero bytes). Identifiers,
keys and hashes are raw bytes; times are milliseconds since the epoch; days are 'YYYY-MM-DD' as
written in the event. Projections have their own module and may be dropped and rebuilt; these
tables may not.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table, UniqueConstraint

from server.store.columns import METADATA, bytes_, int_, text_

PROVINCE = bytes(16)

# An office for life: its id never changes, its code and name may.
office = Table(
    "office",
    METADATA,
    bytes_("office_id", 16, key=True),
    text_("code", 35),
    text_("name"),
    text_("ward_code", 16, null=True),
    int_("created_ms"),
    Index(None, "code"),
)

# Every code an office ever had.
office_code = Table(
    "office_code",
    METADATA,
    bytes_("office_id", 16, key=True),
    text_("code", 35, key=True),
    text_("valid_from", 10, key=True),
    text_("name"),
    Index(None, "code"),
)

# A device: its keys, what it may do, what was last heard from it.
device = Table(
    "device",
    METADATA,
    bytes_("office_id", 16, key=True),
    bytes_("device_id", 32, key=True),
    bytes_("device_key", 32),
    bytes_("sealing_key"),
    text_("state", 12),  # pending | active | quarantined | revoked
    text_("name"),
    bytes_("predecessors"),  # device ids one after the other
    bytes_("record"),  # the signed device record
    int_("serial"),
    bytes_("desk_id", 16),
    bytes_("box", 24, null=True),
    bytes_("turns"),  # wire.turns.TurnState as MessagePack
    int_("enrolled_ms"),
    int_("seen_ms", null=True),
    int_("province_n", null=True),  # the province's statement that its newest message shows it has
    bytes_("said_journal", 16, null=True),  # the head in its newest current message, as it says
    int_("said_seq", null=True),
    bytes_("said_hash", 32, null=True),
    text_("agent", 32, null=True),
    bytes_("revocation", null=True),  # the signed statement
    int_("restored_ms", null=True),  # last found to remember less, since a person looked
    int_("doubted_ms", null=True),  # the same, as long as no box was shown after it
    Index(None, "device_id"),
)

# One row per journal of a device; its head is what the province holds.
journal = Table(
    "journal",
    METADATA,
    bytes_("office_id", 16, key=True),
    int_("journal_no", key=True),
    bytes_("device_id", 32),
    bytes_("journal_id", 16),
    text_("state", 12),  # open | closed | quarantined
    int_("head_seq"),
    bytes_("head_hash", 32),
    int_("projected_seq"),  # up to here the feed and the projections have it
    text_("leased_until", 10, null=True),  # last day for which it has serials
    int_("opened_ms"),
    int_("received_ms", null=True),
    bytes_("head_statement", null=True),  # the newest the device signed: it proves who wrote
    int_("after_no", null=True),  # the journal it follows, and the place there
    int_("after_seq", null=True),
    int_("released_ms", null=True),  # a person lets the device go on after it once more
    UniqueConstraint("office_id", "device_id", "journal_id"),
)

# The events as they were written. `event` is null and `digest` set when retention is over.
event = Table(
    "event",
    METADATA,
    bytes_("office_id", 16, key=True),
    int_("journal_no", key=True),
    int_("seq", key=True),
    bytes_("hash", 32),
    bytes_("event", null=True),
    bytes_("digest", 32, null=True),
    text_("day", null=True),
    text_("kind", null=True),
    text_("channel", null=True),
    text_("poison", 40, null=True),  # code of the problem that keeps it out of the projections
    int_("occurred_ms", null=True),  # null: the bytes carry no time that can be read
    text_("clock", 9),  # ok | corrected | uncertain
    int_("received_ms"),
)

# Events of branches that nobody has accepted: a tree by hash, beside the journal it grows from.
aside_event = Table(
    "aside_event",
    METADATA,
    bytes_("office_id", 16, key=True),
    bytes_("hash", 32, key=True),
    bytes_("device_id", 32),
    bytes_("journal_id", 16),
    int_("seq"),
    bytes_("prev", 32),  # hash(seq-1): of the journal itself, of the tree, or hash(0)
    bytes_("event", null=True),
    bytes_("digest", 32, null=True),  # with day, kind, channel: of an event that is gone
    text_("day", null=True),
    text_("kind", null=True),
    text_("channel", null=True),
    int_("received_ms"),
    Index(None, "office_id", "journal_id", "seq"),
)

# Bookkeeping of docs/protocol.md section 9, kept as events arrive.
day_tally = Table(
    "day_tally",
    METADATA,
    bytes_("office_id", 16, key=True),
    int_("journal_no", key=True),
    text_("day", key=True),
    text_("kind", key=True),
    text_("channel", key=True),
    int_("events"),
    bytes_("digest", 8),
)

# The order in which readers of the feed see events: one row per batch taken in.
feed = Table(
    "feed",
    METADATA,
    bytes_("office_id", 16, key=True),
    int_("first_position", key=True),
    int_("events"),
    int_("journal_no"),
    int_("first_seq"),
    Index(None, "first_position"),
)

# The one counter behind the feed; locked late in a transaction and held until it commits.
feed_counter = Table(
    "feed_counter",
    METADATA,
    bytes_("office_id", 16, key=True),
    int_("next_position"),
)

# An event that was kept but cannot be used as it is, or a remark about a message (seq 0).
problem = Table(
    "problem",
    METADATA,
    bytes_("office_id", 16, key=True),
    int_("journal_no", key=True),
    int_("seq", key=True),
    text_("code", 40, key=True),
    text_("detail"),
    int_("at_ms"),
)

# What a person has to look at. The id is made from the facts, so that telling it twice is once.
incident = Table(
    "incident",
    METADATA,
    bytes_("office_id", 16, key=True),
    bytes_("incident_id", 16, key=True),
    text_("kind", 40),
    bytes_("device_id", 32, null=True),
    bytes_("journal_id", 16, null=True),
    text_("detail"),
    int_("at_ms"),
    int_("settled_ms", null=True),
    bytes_("shown", 24, null=True),  # the box a device showed, where that is the matter
    text_("note", null=True),  # what the person who settled it found
    Index(None, "at_ms"),
)

# Difference between the province's clock and a device's, for one boot of that device.
boot_clock = Table(
    "boot_clock",
    METADATA,
    bytes_("office_id", 16, key=True),
    bytes_("device_id", 32, key=True),
    bytes_("boot", 8, key=True),
    int_("correction_ms"),
    int_("at_ms"),
)

# The newest sync report of each journal, its JSON as received, and the day list if one came.
report = Table(
    "report",
    METADATA,
    bytes_("office_id", 16, key=True),
    int_("journal_no", key=True),
    bytes_("report"),
    int_("received_ms"),
    bytes_("days", null=True),  # wire.digests.encode_days
    int_("days_ms", null=True),
    Column("days_equal", Boolean, nullable=True),
    Index(None, "received_ms"),
)

# The province's journal towards one device.
desk_journal = Table(
    "desk_journal",
    METADATA,
    bytes_("office_id", 16, key=True),
    bytes_("desk_id", 16, key=True),
    bytes_("device_id", 32),
    bytes_("writer_key", 32),  # public signing key in force when it was opened
    text_("state", 8),  # open | closed | lost
    int_("head_seq"),
    bytes_("head_hash", 32),
    int_("opened_ms"),
)

desk_event = Table(
    "desk_event",
    METADATA,
    bytes_("office_id", 16, key=True),
    bytes_("desk_id", 16, key=True),
    int_("seq", key=True),
    bytes_("hash", 32),
    bytes_("event"),
    int_("at_ms"),
)

# Desk events about one dossier: which it is, and after which position of the feed they were folded.
desk_told = Table(
    "desk_told",
    METADATA,
    bytes_("office_id", 16, key=True),
    bytes_("desk_id", 16, key=True),
    int_("seq", key=True),
    bytes_("dossier_id", 16),
    int_("after_position"),
    Index(None, "office_id", "after_position"),
)

# What the province says at present, for one office or for all (PROVINCE): a new desk starts so.
publication = Table(
    "publication",
    METADATA,
    bytes_("office_id", 16, key=True),
    text_("kind", 40, key=True),
    text_("name", key=True),
    bytes_("body"),
    int_("ordinal"),
    int_("at_ms"),
)

# A session of short messages (docs/protocol.md 4.2); `secret` is encrypted under a key that lies
# outside the database. The other columns are what a short message leaves out.
session = Table(
    "session",
    METADATA,
    bytes_("office_id", 16, key=True),
    bytes_("kid", 8, key=True),
    bytes_("device_id", 32),
    bytes_("journal_id", 16),
    bytes_("office_said", 16),
    bytes_("desk_id", 16),
    bytes_("boot", 8),
    bytes_("secret"),
    int_("requests"),
    int_("expires_ms"),
    Index(None, "kid"),
)

# Serials handed to a journal: on each day of the range, from..to are its alone.
lease = Table(
    "lease",
    METADATA,
    bytes_("office_id", 16, key=True),
    text_("prefix", 35, key=True),
    text_("first_day", 10, key=True),
    int_("serial_from", key=True),
    int_("serial_to"),
    int_("width"),
    text_("last_day", 10),
    bytes_("journal_id", 16),
    bytes_("device_id", 32),
    int_("volume"),
)

# A volume of the register book belongs to one journal, in every year: an office that is cut off
# over the turn of the year goes on in the volume it has.
book_volume = Table(
    "book_volume",
    METADATA,
    bytes_("office_id", 16, key=True),
    int_("volume", key=True),
    bytes_("device_id", 32),
    bytes_("journal_id", 16),
)

# Blobs that are here, whole and durable; what lies in the store and not here is noted at the next
# question about it.
blob = Table(
    "blob",
    METADATA,
    bytes_("office_id", 16, key=True),
    bytes_("blob_id", 32, key=True),
    int_("bytes"),
    int_("received_ms"),
)
