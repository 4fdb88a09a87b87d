"""The days that both sides count alike, for a page of journals at once.

A report names the digest of its office's day list at the place up to which events were delivered
(docs/protocol.md section 9). Where ours at that place has the same digest, both sides agree, and
what came in since is on both sides through the chain: so our list at the held head is that of both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import CTE, BigInteger, LargeBinary, Text, column, select, values
from sqlalchemy.ext.asyncio import AsyncConnection

from server.day_tally import Tally
from server.ingest import IN_MAX
from server.request import ReportFacts
from server.store.tables import day_tally, event
from wire.digests import DayRow, days_digest, event_mark
from wire.foreign import read_json
from wire.limits import DAYS_COUNTED
from wire.problems import Malformed

Key = tuple[bytes, int]
"""Office id and number of a journal."""


class _Told(NamedTuple):
    """A journal and what its office's newest report says of its days."""

    office_id: bytes
    journal_no: int
    first_day: str
    last_day: str
    delivered_seq: int
    digest: str
    device_id: bytes
    journal_id: bytes


async def agreed_days(conn: AsyncConnection, rows: Sequence[Any]) -> dict[Key, list[DayRow]]:
    """Return the day lists of those journals, given as rows of STANDINGS, whose report agrees.

    A list ends with the day of the report. Two statements for `IN_MAX` journals.
    """
    told = [said for row in rows if (said := _told(row)) is not None]
    found: dict[Key, list[DayRow]] = {}
    for start in range(0, len(told), IN_MAX):
        found |= await _agreed(conn, told[start : start + IN_MAX])
    return found


def _told(row: Any) -> _Told | None:
    """Return what a report says, None where it cannot be compared: none there, or not heard."""
    if row.report is None or row.device_state == "revoked":
        return None
    try:
        facts = read_json(row.report, ReportFacts)
    except Malformed:
        return None  # of a later version; the exchange has kept it as it came
    if facts.days_digest is None or facts.delivered_seq > row.head_seq:
        return None
    last_day = facts.generated_at[:10]
    try:
        first_day = date.fromisoformat(last_day) - timedelta(days=DAYS_COUNTED - 1)
    except (ValueError, OverflowError):
        return None  # generated_at names no day, or one that no 35 days can end with
    return _Told(
        office_id=row.office_id,
        journal_no=row.journal_no,
        first_day=first_day.isoformat(),
        last_day=last_day,
        delivered_seq=facts.delivered_seq,
        digest=facts.days_digest,
        device_id=row.device_id,
        journal_id=row.journal_id,
    )


async def _agreed(conn: AsyncConnection, told: Sequence[_Told]) -> dict[Key, list[DayRow]]:
    wanted = _wanted(told)
    held: defaultdict[Key, Tally] = defaultdict(Tally)
    reported: defaultdict[Key, Tally] = defaultdict(Tally)
    for row in await conn.execute(_tallies(wanted)):
        for tally in (held, reported):
            cell = (row.day, row.kind, row.channel)
            tally[row.office_id, row.journal_no].add(cell, row.digest, row.events)
    marks = {(said.office_id, said.journal_no): (said.device_id, said.journal_id) for said in told}
    for row in await conn.execute(_later(wanted)):
        key = (row.office_id, row.journal_no)
        mark = event_mark(*marks[key], row.seq, row.hash)
        reported[key].add((row.day, row.kind, row.channel), mark, -1)
    return {
        key: held[key].rows()
        for said in told
        if days_digest(reported[key := said[:2]].rows()).hex() == said.digest
    }


def _wanted(told: Sequence[_Told]) -> CTE:
    """Return the journals and days asked for as a table that a statement may join."""
    table = values(
        column("office_id", LargeBinary),
        column("journal_no", BigInteger),
        column("first_day", Text),
        column("last_day", Text),
        column("delivered_seq", BigInteger),
        name="wanted",
    )
    return table.data([said[:5] for said in told]).cte("wanted")


def _tallies(wanted: CTE) -> Any:
    """Select what is held of the days asked for."""
    same = (day_tally.c.office_id == wanted.c.office_id) & (
        day_tally.c.journal_no == wanted.c.journal_no
    )
    within = day_tally.c.day.between(wanted.c.first_day, wanted.c.last_day)
    return select(day_tally).join(wanted, same & within)


def _later(wanted: CTE) -> Any:
    """Select the events of these days that came after the place a report speaks of."""
    same = (event.c.office_id == wanted.c.office_id) & (event.c.journal_no == wanted.c.journal_no)
    since = event.c.seq > wanted.c.delivered_seq
    within = event.c.day.between(wanted.c.first_day, wanted.c.last_day)
    named = (event.c.office_id, event.c.journal_no, event.c.seq, event.c.hash)
    return select(*named, event.c.day, event.c.kind, event.c.channel).join(
        wanted, same & since & within
    )
