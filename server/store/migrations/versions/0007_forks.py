"""Successors of journals, what is kept aside, and what tells of two devices with one key

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.add_column("journal", sa.Column("after_no", sa.BigInteger(), nullable=True))
    op.add_column("journal", sa.Column("after_seq", sa.BigInteger(), nullable=True))
    op.add_column("journal", sa.Column("released_ms", sa.BigInteger(), nullable=True))
    op.add_column("device", sa.Column("restored_ms", sa.BigInteger(), nullable=True))
    op.add_column("device", sa.Column("doubted_ms", sa.BigInteger(), nullable=True))
    op.create_table(
        "aside_event",
        sa.Column("office_id", sa.LargeBinary(16), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("device_id", sa.LargeBinary(32), nullable=False),
        sa.Column("journal_id", sa.LargeBinary(16), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("prev", sa.LargeBinary(32), nullable=False),
        sa.Column("event", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=True),
        sa.Column("day", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("received_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("office_id", "hash", name=op.f("pk_aside_event")),
    )
    op.create_index(
        op.f("ix_aside_event_office_id_journal_id_seq"),
        "aside_event",
        ["office_id", "journal_id", "seq"],
        unique=False,
    )
