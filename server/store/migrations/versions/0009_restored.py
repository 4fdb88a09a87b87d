"""A restored province: desk events said into a lost past, and what a restore still has to do

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "desk_aside",
        sa.Column("office_id", sa.LargeBinary(16), nullable=False),
        sa.Column("desk_id", sa.LargeBinary(16), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("device_id", sa.LargeBinary(32), nullable=False),
        sa.Column("event", sa.LargeBinary(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("dossier_id", sa.LargeBinary(16), nullable=True),
        sa.Column("after_position", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("office_id", "desk_id", "seq", "hash", name=op.f("pk_desk_aside")),
    )
    op.create_table(
        "restoration",
        sa.Column("office_id", sa.LargeBinary(16), nullable=False),
        sa.Column("restoration_id", sa.LargeBinary(16), nullable=False),
        sa.Column("begun_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("done_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("office_id", "restoration_id", name=op.f("pk_restoration")),
    )
