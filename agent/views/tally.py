"""The bookkeeping of delivered events by day, kind and channel (docs/protocol.md section 9).

XOR takes back what it added, so the tally follows the delivered mark both ways.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from agent.journal.database import Connection
from agent.journal.identity import Identity
from agent.journal.projector import DeliveredRow
from wire import digests
from wire.digests import DayRow
from wire.limits import DAY_DIGEST_BYTES, DAYS_COUNTED

Key = tuple[str, str, str]


def follow(
    connection: Connection, identity: Identity, rows: Sequence[DeliveredRow], sign: int
) -> None:
    """Count events in (`sign` 1) or out again (-1)."""
    changes: dict[Key, list[int]] = {}
    for row in rows:
        key = _key(connection, row)
        mark = digests.event_mark(identity.device_id, identity.journal, row.seq, row.hash)
        change = changes.setdefault(key, [0, 0])
        change[0] += sign
        change[1] ^= int.from_bytes(mark[:DAY_DIGEST_BYTES], "big")
    for key, (count, digest) in changes.items():
        _change(connection, key, count, digest)


def _key(connection: Connection, row: DeliveredRow) -> Key:
    if row.body is not None:
        return digests.day_kind_channel(row.body)
    gone = connection.execute(
        "SELECT day, kind, channel FROM gone WHERE pos = ?", (row.pos,)
    ).fetchone()
    return digests.words(*gone)


def _change(connection: Connection, key: Key, count: int, digest: int) -> None:
    held = connection.execute(
        "SELECT count, digest FROM day_tally WHERE day = ? AND kind = ? AND channel = ?", key
    ).fetchone()
    total = count + (held[0] if held else 0)
    value = digest ^ int.from_bytes(held[1] if held else b"", "big")
    if total == 0:
        connection.execute("DELETE FROM day_tally WHERE day = ? AND kind = ? AND channel = ?", key)
        return
    connection.execute(
        "INSERT OR REPLACE INTO day_tally VALUES (?, ?, ?, ?, ?)",
        (*key, total, value.to_bytes(DAY_DIGEST_BYTES, "big")),
    )


def days(connection: Connection, last_day: date) -> list[DayRow]:
    """The rows of the 35 days ending with `last_day`, sorted as they travel."""
    first = last_day - timedelta(days=DAYS_COUNTED - 1)
    rows = connection.execute(
        "SELECT day, kind, channel, count, digest FROM day_tally WHERE day >= ? AND day <= ?"
        " ORDER BY day, kind, channel",
        (first.isoformat(), last_day.isoformat()),
    )
    return [DayRow(*row) for row in rows]
