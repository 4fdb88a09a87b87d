"""The first tables

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "book_volume",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("volume", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("device_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("journal_id", sa.LargeBinary(length=16), nullable=False),
        sa.PrimaryKeyConstraint("office_id", "volume", name=op.f("pk_book_volume")),
    )
    op.create_table(
        "boot_clock",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("device_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("boot", sa.LargeBinary(length=8), nullable=False),
        sa.Column("correction_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("office_id", "device_id", "boot", name=op.f("pk_boot_clock")),
    )
    op.create_table(
        "day_tally",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("journal_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("events", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=8), nullable=False),
        sa.PrimaryKeyConstraint(
            "office_id", "journal_no", "day", "kind", "channel", name=op.f("pk_day_tally")
        ),
    )
    op.create_table(
        "desk_event",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("desk_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("event", sa.LargeBinary(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("office_id", "desk_id", "seq", name=op.f("pk_desk_event")),
    )
    op.create_table(
        "desk_journal",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("desk_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("device_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("writer_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("head_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("head_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("office_id", "desk_id", name=op.f("pk_desk_journal")),
    )
    op.create_table(
        "device",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("device_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("device_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealing_key", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("predecessors", sa.LargeBinary(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("serial", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("desk_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("box", sa.LargeBinary(length=24), nullable=True),
        sa.Column("turns", sa.LargeBinary(), nullable=False),
        sa.Column("enrolled_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("agent", sa.String(length=32), nullable=True),
        sa.Column("revocation", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("office_id", "device_id", name=op.f("pk_device")),
    )
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_device_device_id"), ["device_id"], unique=False)

    op.create_table(
        "event",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("journal_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("event", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("day", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("poison", sa.String(length=40), nullable=True),
        sa.Column("occurred_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("clock", sa.String(length=9), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("office_id", "journal_no", "seq", name=op.f("pk_event")),
    )
    op.create_table(
        "feed",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("first_position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("events", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("journal_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("office_id", "first_position", name=op.f("pk_feed")),
    )
    with op.batch_alter_table("feed", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_feed_first_position"), ["first_position"], unique=False
        )

    op.create_table(
        "feed_counter",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("next_position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("office_id", name=op.f("pk_feed_counter")),
    )
    op.create_table(
        "incident",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("incident_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("device_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("journal_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("settled_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("office_id", "incident_id", name=op.f("pk_incident")),
    )
    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_incident_at_ms"), ["at_ms"], unique=False)

    op.create_table(
        "journal",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("journal_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("device_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("journal_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("head_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("head_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("projected_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("leased_until", sa.String(length=10), nullable=True),
        sa.Column("opened_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("received_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("office_id", "journal_no", name=op.f("pk_journal")),
        sa.UniqueConstraint(
            "office_id",
            "device_id",
            "journal_id",
            name=op.f("uq_journal_office_id_device_id_journal_id"),
        ),
    )
    op.create_table(
        "lease",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("prefix", sa.String(length=35), nullable=False),
        sa.Column("first_day", sa.String(length=10), nullable=False),
        sa.Column("serial_from", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("serial_to", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("width", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_day", sa.String(length=10), nullable=False),
        sa.Column("journal_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("device_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("volume", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint(
            "office_id", "prefix", "first_day", "serial_from", name=op.f("pk_lease")
        ),
    )
    op.create_table(
        "office",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("code", sa.String(length=35), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ward_code", sa.String(length=16), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("office_id", name=op.f("pk_office")),
    )
    with op.batch_alter_table("office", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_office_code"), ["code"], unique=False)

    op.create_table(
        "office_code",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("code", sa.String(length=35), nullable=False),
        sa.Column("valid_from", sa.String(length=10), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("office_id", "code", "valid_from", name=op.f("pk_office_code")),
    )
    with op.batch_alter_table("office_code", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_office_code_code"), ["code"], unique=False)

    op.create_table(
        "problem",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("journal_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("office_id", "journal_no", "seq", "code", name=op.f("pk_problem")),
    )
    op.create_table(
        "publication",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("office_id", "kind", "name", name=op.f("pk_publication")),
    )
    op.create_table(
        "report",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("journal_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("report", sa.LargeBinary(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("days", sa.LargeBinary(), nullable=True),
        sa.Column("days_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("days_equal", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("office_id", "journal_no", name=op.f("pk_report")),
    )
    with op.batch_alter_table("report", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_report_received_ms"), ["received_ms"], unique=False)

    op.create_table(
        "ticket",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("ticket_id", sa.LargeBinary(length=8), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("issued_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("device_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("used_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("office_id", "ticket_id", name=op.f("pk_ticket")),
    )
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "token",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("revoked_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("office_id", "token_hash", name=op.f("pk_token")),
    )
    op.create_table(
        "user_account",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("disabled_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("office_id", "name", name=op.f("pk_user_account")),
    )

    counter = sa.table(
        "feed_counter",
        sa.column("office_id", sa.LargeBinary),
        sa.column("next_position", sa.BigInteger),
    )
    op.bulk_insert(counter, [{"office_id": bytes(16), "next_position": 1}])
