"""The province's half of the bookkeeping of docs/protocol.md section 9, kept as events arrive.

A tally row holds how many events of one day, kind and channel a journal has, and the XOR of their
marks. XOR undoes itself, so the state at an earlier place is what is held less what came after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store.tables import day_tally, event
from wire.digests import DayRow
from wire.limits import DAY_DIGEST_BYTES, DAYS_COUNTED

Cell = tuple[str, str, str]
Marks = Callable[[int, bytes], bytes]
"""(seq, hash) -> the mark of one event of the journal."""


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


class Tally:
    """Counts and digests by (day, kind, channel), being summed."""

    def __init__(self) -> None:
        self.cells: dict[Cell, tuple[int, bytes]] = {}

    def add(self, cell: Cell, mark: bytes, count: int = 1) -> None:
        """Put `count` events with the joint `mark` (its first 8 bytes) into a cell."""
        held, digest = self.cells.get(cell, (0, bytes(DAY_DIGEST_BYTES)))
        self.cells[cell] = (held + count, _xor(digest, mark[:DAY_DIGEST_BYTES]))

    def rows(self) -> list[DayRow]:
        """Return the cells that hold something, sorted as the protocol wants."""
        filled = [
            DayRow(*cell, count, digest) for cell, (count, digest) in self.cells.items() if count
        ]
        return sorted(filled, key=lambda row: [part.encode() for part in row[:3]])


async def keep(conn: AsyncConnection, office_id: bytes, journal_no: int, added: Tally) -> None:
    """Add a batch to the stored tally. The journal's row must be locked."""
    mine = (day_tally.c.office_id == office_id) & (day_tally.c.journal_no == journal_no)
    days = sorted({cell[0] for cell in added.cells})
    if not days:
        return
    rows = await conn.execute(select(day_tally).where(mine & day_tally.c.day.in_(days)))
    held = {(row.day, row.kind, row.channel): (row.events, row.digest) for row in rows}
    fresh, changed = [], []
    for cell, (count, digest) in added.cells.items():
        key = {"office_id": office_id, "journal_no": journal_no}
        if cell in held:
            total = {"events": held[cell][0] + count, "digest": _xor(held[cell][1], digest)}
            names = dict(zip(("k_day", "k_kind", "k_channel"), cell, strict=True))
            changed.append({f"k_{name}": value for name, value in key.items()} | names | total)
        else:
            names = dict(zip(("day", "kind", "channel"), cell, strict=True))
            fresh.append(key | names | {"events": count, "digest": digest})
    if fresh:
        await conn.execute(day_tally.insert(), fresh)
    if changed:
        await conn.execute(_UPDATE, changed)


_UPDATE = (
    day_tally.update()
    .where(*(column == bindparam(f"k_{column.name}") for column in day_tally.primary_key.columns))
    .values(events=bindparam("events"), digest=bindparam("digest"))
)


async def rows(
    conn: AsyncConnection,
    office_id: bytes,
    journal_no: int,
    *,
    up_to_seq: int,
    held_seq: int,
    last_day: str,
    marks: Marks,
) -> list[DayRow]:
    """Return the day list at `up_to_seq`, of the 35 days that end with `last_day`.

    `last_day` is 'YYYY-MM-DD'; `marks` makes the mark of one event. Raises ValueError for a day
    that is none.
    """
    first_day = (date.fromisoformat(last_day) - timedelta(days=DAYS_COUNTED - 1)).isoformat()
    window = (day_tally.c.day >= first_day) & (day_tally.c.day <= last_day)
    mine = (day_tally.c.office_id == office_id) & (day_tally.c.journal_no == journal_no)
    tally = Tally()
    for row in await conn.execute(select(day_tally).where(mine & window)):
        tally.add((row.day, row.kind, row.channel), row.digest, row.events)
    if up_to_seq < held_seq:
        later = await conn.execute(
            select(event.c.seq, event.c.hash, event.c.day, event.c.kind, event.c.channel).where(
                (event.c.office_id == office_id)
                & (event.c.journal_no == journal_no)
                & (event.c.seq > up_to_seq)
                & (event.c.day >= first_day)
                & (event.c.day <= last_day)
            )
        )
        _take_away(tally, later.all(), marks)
    return tally.rows()


def _take_away(tally: Tally, later: Iterable[Any], marks: Marks) -> None:
    for row in later:
        tally.add((row.day, row.kind, row.channel), marks(row.seq, row.hash), -1)
