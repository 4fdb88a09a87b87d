"""How many conflicts of each dossier are open

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.add_column(
        "dossier", sa.Column("conflicts", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.create_index(
        op.f("ix_dossier_office_id_conflicts"), "dossier", ["office_id", "conflicts"], unique=False
    )
