"""The visits that a batch of events touches: read once, folded in memory, written once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.visits import Visit, evolve
from server.ingest import IN_MAX
from server.store.projection_tables import visit as visit_table
from server.stored import StoredEvent

_encode = msgspec.msgpack.Encoder().encode
_visit = msgspec.msgpack.Decoder(Visit)

KINDS: Final = "visit."


class Visits:
    """The visits of one batch of one office."""

    def __init__(self, office_id: bytes) -> None:
        self._office_id = office_id
        self._held: dict[bytes, Visit] = {}
        self._began: dict[bytes, int] = {}
        self._stored: set[bytes] = set()
        self._touched: set[bytes] = set()

    async def load(self, conn: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        """Read what the events tell of, unless they create it, and lock it till the commit."""
        wanted = sorted({event.subject.bytes for event in events if event.subject != event.id})
        for start in range(0, len(wanted), IN_MAX):
            rows = await conn.execute(
                select(visit_table)
                .where(
                    visit_table.c.office_id == self._office_id,
                    visit_table.c.visit_id.in_(wanted[start : start + IN_MAX]),
                )
                .order_by(visit_table.c.visit_id)
                .with_for_update()
            )
            for row in rows:
                self._held[row.visit_id] = _visit.decode(row.stand)
                self._began[row.visit_id] = row.began_ms
                self._stored.add(row.visit_id)

    def fold(self, event: StoredEvent, body: Struct) -> None:
        """Take one event into account; raises what `records.visits.evolve` raises."""
        key = event.subject.bytes
        self._held[key] = evolve(self._held.get(key), event.kind, body, event.occurred_ms)
        self._began.setdefault(key, event.occurred_ms)
        self._touched.add(key)

    async def write(self, conn: AsyncConnection) -> None:
        """Store what changed."""
        fresh = [self._row(key) for key in sorted(self._touched - self._stored)]
        changed = [
            {"k_office_id": self._office_id, "k_visit_id": key, "stand": _encode(self._held[key])}
            for key in sorted(self._touched & self._stored)
        ]
        if fresh:
            await conn.execute(visit_table.insert(), fresh)
        if changed:
            await conn.execute(_UPDATE, changed)

    def _row(self, key: bytes) -> dict[str, Any]:
        return {
            "office_id": self._office_id,
            "visit_id": key,
            "stand": _encode(self._held[key]),
            "began_ms": self._began[key],
        }


_UPDATE = (
    visit_table.update()
    .where(
        visit_table.c.office_id == bindparam("k_office_id"),
        visit_table.c.visit_id == bindparam("k_visit_id"),
    )
    .values(stand=bindparam("stand"))
)
