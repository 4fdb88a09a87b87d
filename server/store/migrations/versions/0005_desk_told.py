"""What the province told about dossiers, and which device keeps each

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# The journal of the event that created a dossier; every dossier has one among its events.
_KEEPER = """
UPDATE dossier SET device_id = (
    SELECT journal.device_id
    FROM dossier_event told
    JOIN journal ON journal.office_id = told.office_id AND journal.journal_no = told.journal_no
    JOIN event ON event.office_id = told.office_id AND event.journal_no = told.journal_no
        AND event.seq = told.seq
    WHERE told.office_id = dossier.office_id AND told.dossier_id = dossier.dossier_id
    ORDER BY CASE event.kind WHEN 'dossier.received' THEN 0 ELSE 1 END, told.journal_no, told.seq
    LIMIT 1
)
"""


def upgrade() -> None:
    op.create_table(
        "desk_told",
        sa.Column("office_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("desk_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("dossier_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("after_position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("office_id", "desk_id", "seq", name=op.f("pk_desk_told")),
    )
    name = op.f("ix_desk_told_office_id_after_position")
    op.create_index(name, "desk_told", ["office_id", "after_position"])
    op.add_column("dossier", sa.Column("device_id", sa.LargeBinary(length=32), nullable=True))
    op.execute(_KEEPER)
    with op.batch_alter_table("dossier") as table:
        table.alter_column("device_id", existing_type=sa.LargeBinary(length=32), nullable=False)
    op.drop_table("dossier_event")
