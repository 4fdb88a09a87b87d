"""Documents that events tell of, and the blobs that are here

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blob",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("blob_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("office_id", "blob_id", name=op.f("pk_blob")),
    )
    op.create_table(
        "document",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("blob_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("dossier_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("device_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("office_id", "blob_id", name=op.f("pk_document")),
    )
    name = op.f("ix_document_office_id_device_id")
    op.create_index(name, "document", ["office_id", "device_id"])
