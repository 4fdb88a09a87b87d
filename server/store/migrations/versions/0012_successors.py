"""Which of the province's statements each device holds, and each office was told of

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("device", sa.Column("province_n", sa.BigInteger(), nullable=True))
    op.create_table(
        "told_successor",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("told_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("office_id", "n", name=op.f("pk_told_successor")),
    )
