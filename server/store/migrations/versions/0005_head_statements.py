"""The newest signed head of each journal

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.add_column("journal", sa.Column("head_statement", sa.LargeBinary(), nullable=True))
