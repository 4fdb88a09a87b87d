"""What an office says of its head, and the tables worked out from its events

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("device", sa.Column("said_journal", sa.LargeBinary(length=16), nullable=True))
    op.add_column("device", sa.Column("said_seq", sa.BigInteger(), nullable=True))
    op.add_column("device", sa.Column("said_hash", sa.LargeBinary(length=32), nullable=True))
    op.create_table(
        "dossier",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("dossier_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("stand", sa.LargeBinary(), nullable=False),
        sa.Column("history", sa.LargeBinary(), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=True),
        sa.Column("book_year", sa.BigInteger(), nullable=True),
        sa.Column("volume", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("office_id", "dossier_id", name=op.f("pk_dossier")),
    )
    for columns in (["code"], ["book_year", "volume", "number"], ["last_ms"]):
        name = op.f(f"ix_dossier_office_id_{'_'.join(columns)}")
        op.create_index(name, "dossier", ["office_id", *columns])
    op.create_table(
        "dossier_event",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("dossier_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("journal_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint(
            "office_id", "dossier_id", "journal_no", "seq", name=op.f("pk_dossier_event")
        ),
    )
    op.create_table(
        "visit",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("visit_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("stand", sa.LargeBinary(), nullable=False),
        sa.Column("began_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("office_id", "visit_id", name=op.f("pk_visit")),
    )
    op.create_index(op.f("ix_visit_office_id_began_ms"), "visit", ["office_id", "began_ms"])
    op.create_table(
        "declined",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("event_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("procedure_code", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("office_id", "event_id", name=op.f("pk_declined")),
    )
    op.create_index(op.f("ix_declined_office_id_at_ms"), "declined", ["office_id", "at_ms"])
