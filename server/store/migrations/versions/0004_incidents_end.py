"""How a person ends an incident: a note, and the box a device showed

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("shown", sa.LargeBinary(length=24), nullable=True))
    op.add_column("incident", sa.Column("note", sa.Text(), nullable=True))
