"""Which of the province's statements each office was told of (docs/protocol.md section 11)."""

from __future__ import annotations

from sqlalchemy import Table

from server.store.columns import METADATA, bytes_, int_

# The statement `n` stands in every desk journal of the office that was open then.
told_successor = Table(
    "told_successor",
    METADATA,
    bytes_("office_id", 16, key=True),
    int_("n", key=True),
    int_("told_ms"),
)
