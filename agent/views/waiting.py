"""What waits for the province, by kind and age, without reading all of it again and again.

`kind` is the first member of an event on the wire (docs/protocol.md section 2), so the database
groups by it without anything being parsed. Between two questions only what is new is counted; a
receipt, which takes away from the front, makes the rest be counted anew.
"""

from typing import Final, Literal, NamedTuple

import msgspec

from agent.journal.database import Connection
from agent.views import stored
from agent.views.stored import COLUMNS, StoredEvent
from wire.chain import Head

Group = Literal["dossier", "visit", "postal", "other"]
GROUPS: Final[tuple[Group, ...]] = ("dossier", "visit", "postal", "other")

KIND_START: Final = len('{"kind":"') + 1
KIND_CHARS_MAX: Final = 64
COUNT: Final = (
    "SELECT CAST(substr(body, ?1, instr(substr(body, ?1, ?2), X'22') - 1) AS TEXT) AS kind,"
    " count(*), min(seq) FROM event"
    " WHERE journal = (SELECT no FROM journal WHERE side = 'office' AND state = 'open')"
    " AND seq > ?3 AND seq <= ?4 GROUP BY 1"
)


class Waiting(msgspec.Struct, frozen=True):
    """What waits of one group: how many events, and when the oldest was recorded."""

    group: Group
    count: int
    oldest_ms: int


class _Counted(NamedTuple):
    delivered: Head
    head: int
    groups: dict[Group, tuple[int, int]]


class WaitingCounts:
    """Counts kept between questions. Asked on one thread at a time (the reader's)."""

    def __init__(self) -> None:
        self._counted = _Counted(Head(0, b""), 0, {})

    def read(self, connection: Connection, delivered: Head, head: Head) -> tuple[Waiting, ...]:
        """Count what lies behind `delivered`, up to `head`."""
        before = self._counted
        groups: dict[Group, tuple[int, int]] = {}
        start = delivered.seq
        if before.delivered == delivered and before.head <= head.seq:
            groups, start = dict(before.groups), before.head
        rows = connection.execute(COUNT, (KIND_START, KIND_CHARS_MAX, start, head.seq))
        for kind, count, first in rows.fetchall():
            group = _group(kind)
            held = groups.get(group, (0, first))
            groups[group] = (held[0] + count, min(held[1], first))
        self._counted = _Counted(delivered, head.seq, groups)
        return tuple(
            Waiting(group, groups[group][0], _recorded(connection, groups[group][1]))
            for group in GROUPS
            if group in groups
        )


def _group(kind: str | None) -> Group:
    word = (kind or "").partition(".")[0]
    return word if word in GROUPS else "other"


def _recorded(connection: Connection, seq: int) -> int:
    """Return when the event `seq` of the open office journal was recorded; 0 when unreadable."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM journal j JOIN event e ON e.journal = j.no AND e.seq = ?"  # noqa: S608
        " WHERE j.side = 'office' AND j.state = 'open'",
        (seq,),
    ).fetchone()
    read = None if row is None else stored.read(StoredEvent(*row))
    return 0 if read is None else read.at_ms
