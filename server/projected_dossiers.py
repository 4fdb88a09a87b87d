"""The dossiers that a batch of events touches: read once, folded in memory, written once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.conflicts import Said
from records.dossier import Dossier, evolve
from records.statistics import History, Told, told_on
from server.ingest import IN_MAX
from server.store.projection_tables import declined as declined_table
from server.store.projection_tables import dossier as dossier_table
from server.stored import StoredEvent

_encode = msgspec.msgpack.Encoder().encode
_dossier = msgspec.msgpack.Decoder(Dossier)
_history = msgspec.msgpack.Decoder(History)

KINDS: Final = ("dossier.", "document.", "postal.marked", "conflict.")
DECLINED: Final = "dossier.declined"


class Held(Struct, frozen=True):
    """A dossier and its story as they stand.

    `received_ms`: when the province heard of it last; `device_id`: the device that keeps it.
    """

    dossier: Dossier
    story: History
    received_ms: int
    device_id: bytes


class Telling(Struct, frozen=True, kw_only=True):
    """One event about a dossier, of its office or of the province, and what it says.

    `device_id` is the device in whose journal or desk it stands; times in milliseconds.
    """

    dossier_id: bytes
    device_id: bytes
    kind: str
    body: Struct
    occurred_ms: int
    received_ms: int
    said: Said


def read_dossier(stand: bytes) -> Dossier:
    """Return a dossier out of its column `stand`."""
    return _dossier.decode(stand)


def read_history(history: bytes, office: str) -> History:
    """Return a story out of its column `history`, as one of the office with this code."""
    return msgspec.structs.replace(_history.decode(history), office=office)


class Dossiers:
    """The dossiers of one batch of one office."""

    def __init__(self, office_id: bytes) -> None:
        self._office_id = office_id
        self._held: dict[bytes, Held] = {}
        self._stored: set[bytes] = set()
        self._touched: set[bytes] = set()
        self._declined: list[dict[str, Any]] = []

    async def load(self, conn: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        """Read what the events tell of, unless they create it, and lock it till the commit."""
        await self.lock(
            conn, {event.subject.bytes for event in events if event.subject != event.id}
        )

    async def lock(self, conn: AsyncConnection, dossier_ids: Iterable[bytes]) -> None:
        """Read these dossiers as far as they are there, and lock them till the commit.

        Two devices of an office, and the province, may tell of one dossier at the same moment.
        """
        wanted = sorted(dossier_ids)
        for start in range(0, len(wanted), IN_MAX):
            rows = await conn.execute(
                select(
                    dossier_table.c.dossier_id,
                    dossier_table.c.stand,
                    dossier_table.c.history,
                    dossier_table.c.device_id,
                )
                .where(
                    dossier_table.c.office_id == self._office_id,
                    dossier_table.c.dossier_id.in_(wanted[start : start + IN_MAX]),
                )
                .order_by(dossier_table.c.dossier_id)
                .with_for_update()
            )
            for row in rows:
                stand, story = _dossier.decode(row.stand), _history.decode(row.history)
                self._held[row.dossier_id] = Held(stand, story, 0, row.device_id)
                self._stored.add(row.dossier_id)

    def fold(self, event: StoredEvent, body: Struct) -> None:
        """Take one event into account; raises what `records.dossier.evolve` raises."""
        if event.kind == DECLINED:
            self._decline(event, body)
            return
        self.take(
            Telling(
                dossier_id=event.subject.bytes,
                device_id=event.device_id,
                kind=event.kind,
                body=body,
                occurred_ms=event.occurred_ms,
                received_ms=event.received_ms,
                said=Said(event.hash, event.event.actor, event.event.seen),
            )
        )

    def take(self, said: Telling) -> None:
        """Take what one event says of a dossier; raises what `records.dossier.evolve` raises."""
        key = said.dossier_id
        held = self._held.get(key)
        before = None if held is None else held.dossier
        after = evolve(before, said.kind, said.body, said.occurred_ms, said.said)
        told = Told(said.kind, said.body, said.occurred_ms)
        story = told_on(None if held is None else held.story, "", told, before, after)
        keeper = said.device_id if held is None else held.device_id
        self._held[key] = Held(after, story, said.received_ms, keeper)
        self._touched.add(key)

    def _decline(self, event: StoredEvent, body: Any) -> None:
        self._declined.append(
            {
                "office_id": self._office_id,
                "event_id": event.id.bytes,
                "procedure_code": body.procedure_code,
                "at_ms": event.occurred_ms,
            }
        )

    async def write(self, conn: AsyncConnection) -> None:
        """Store what changed."""
        fresh = [self._row(key) for key in sorted(self._touched - self._stored)]
        changed = [
            {f"k_{name}" if name in _KEY else name: value for name, value in self._row(key).items()}
            for key in sorted(self._touched & self._stored)
        ]
        for statement, rows in (
            (dossier_table.insert(), fresh),
            (_UPDATE, changed),
            (declined_table.insert(), self._declined),
        ):
            if rows:
                await conn.execute(statement, rows)

    def _row(self, key: bytes) -> dict[str, Any]:
        held = self._held[key]
        dossier = held.dossier
        return {
            "office_id": self._office_id,
            "dossier_id": key,
            "device_id": held.device_id,
            "stand": _encode(dossier),
            "history": _encode(held.story),
            "code": dossier.code,
            "book_year": dossier.book_year,
            "volume": dossier.volume,
            "number": dossier.number,
            "open": dossier.is_open,
            "conflicts": dossier.conflicts,
            "first_ms": held.story.stands[0].at_ms,
            "last_ms": held.story.stands[-1].at_ms,
            "received_ms": held.received_ms,
        }


_KEY: Final = ("office_id", "dossier_id")
_UPDATE = (
    dossier_table.update()
    .where(*(dossier_table.c[name] == bindparam(f"k_{name}") for name in _KEY))
    .values(
        {
            column.name: bindparam(column.name)
            for column in dossier_table.columns
            if column.name not in _KEY
        }
    )
)
