"""Sessions of short messages

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "session",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("kid", sa.LargeBinary(length=8), nullable=False),
        sa.Column("device_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("journal_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("office_said", sa.LargeBinary(length=16), nullable=False),
        sa.Column("desk_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("boot", sa.LargeBinary(length=8), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("requests", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("office_id", "kid", name=op.f("pk_session")),
    )
    op.create_index(op.f("ix_session_kid"), "session", ["kid"])
