"""What the office recorded beside what the province has proved to hold, down to single events.

The province's word is its newest receipt statement and the delivered mark that followed verified
receipts. The days are counted from the events themselves and compared with the tally that the sync
report tells of (docs/protocol.md section 9), so that both sides compare the same thing.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec import Struct

from agent.journal.database import Connection
from agent.journal.transaction import get_meta
from agent.sync.store import PROOF
from wire import chain, digests
from wire.digests import DayTally, day_kind_channel
from wire.event import format_time
from wire.limits import DAY_DIGEST_BYTES
from wire.statements import Receipt, read_unverified

EVENTS_MAX: Final = 1_000
"""Events named in one answer: who has more of them asks day by day."""


class ReceiptPlace(Struct, frozen=True):
    """The newest receipt statement: up to where, when, and whether it names this very chain."""

    seq: int
    time: str
    agrees: bool


class DayLine(Struct, frozen=True):
    """A day, kind and channel: recorded and acknowledged; `digest` is of the acknowledged ones.

    `tallied` is false where the tally that reports tell of says something else.
    """

    day: str
    kind: str
    channel: str
    recorded: int
    delivered: int
    digest: str
    tallied: bool


class EventLine(Struct, frozen=True):
    """An event that the province has not acknowledged."""

    seq: int
    id: str
    day: str
    kind: str
    channel: str


class Reconciled(Struct, frozen=True, kw_only=True):
    """The whole comparison. `ok`: nothing is missing, and all that is known agrees."""

    ok: bool
    missing: int
    head: tuple[int, str]
    delivered: tuple[int, str]
    receipt: ReceiptPlace | None
    days: tuple[DayLine, ...]
    events: tuple[EventLine, ...]


class _Row(NamedTuple):
    seq: int
    hash: bytes
    words: tuple[str, str, str]


class _Journal(NamedTuple):
    no: int
    device: bytes
    id: bytes
    head: chain.Head
    delivered: chain.Head


def reconcile(connection: Connection, *, day: str | None, kind: str | None) -> Reconciled | None:
    """Compare; with `day` or `kind` only what belongs to it is listed. None before enrolment.

    Days are listed where something is missing or does not agree; of a day or kind asked for, all.
    """
    journal = _journal(connection)
    if journal is None:
        return None
    recorded, held, missing = DayTally(), DayTally(), list[EventLine]()
    for row in _rows(connection, journal.no):
        mark = digests.event_mark(journal.device, journal.id, row.seq, row.hash)
        recorded.add(*row.words, mark)
        if row.seq <= journal.delivered.seq:
            held.add(*row.words, mark)
        elif len(missing) < EVENTS_MAX and _wanted(row.words, day, kind):
            missing.append(EventLine(row.seq, str(chain.event_id(row.hash)), *row.words))
    lines = _days(recorded, held, _tally(connection))
    receipt = _receipt(connection, journal)
    behind = journal.head.seq - journal.delivered.seq
    agrees = all(line.tallied for line in lines) and (receipt is None or receipt.agrees)
    asked = day is not None or kind is not None
    return Reconciled(
        ok=behind == 0 and agrees,
        missing=behind,
        head=(journal.head.seq, journal.head.hash.hex()),
        delivered=(journal.delivered.seq, journal.delivered.hash.hex()),
        receipt=receipt,
        days=tuple(
            line
            for line in lines
            if _wanted((line.day, line.kind, line.channel), day, kind)
            and (asked or line.recorded > line.delivered or not line.tallied)
        ),
        events=tuple(missing),
    )


def _journal(connection: Connection) -> _Journal | None:
    row = connection.execute(
        "SELECT no, writer_id, id, head_seq, head_hash FROM journal"
        " WHERE side = 'office' AND state = 'open'"
    ).fetchone()
    if row is None:
        return None
    no, device, id_, seq, hash_ = row
    mark = connection.execute(
        "SELECT seq, hash FROM delivered WHERE journal = ? ORDER BY seq DESC LIMIT 1", (no,)
    ).fetchone()
    delivered = chain.Head(*mark) if mark else chain.genesis(device, id_)
    return _Journal(no, device, id_, chain.Head(seq, hash_), delivered)


def _rows(connection: Connection, journal: int) -> Iterator[_Row]:
    cursor = connection.execute(
        "SELECT e.seq, e.hash, e.body, g.day, g.kind, g.channel FROM event e"
        " LEFT JOIN gone g ON g.pos = e.pos WHERE e.journal = ? ORDER BY e.seq",
        (journal,),
    )
    for seq, hash_, body, *gone in cursor:
        words = digests.words(*gone) if body is None else day_kind_channel(body)
        yield _Row(seq, hash_, words)


def _wanted(words: tuple[str, str, str], day: str | None, kind: str | None) -> bool:
    return day in {None, words[0]} and kind in {None, words[1]}


def _days(
    recorded: DayTally, held: DayTally, tally: dict[tuple[str, str, str], tuple[int, bytes]]
) -> list[DayLine]:
    delivered = {row[:3]: (row.count, row.digest) for row in held.rows()}
    counts = {row[:3]: row.count for row in recorded.rows()}
    nothing = (0, bytes(DAY_DIGEST_BYTES))
    lines = []
    for key in sorted(counts.keys() | tally.keys()):
        count, digest = delivered.get(key, nothing)
        same = tally.get(key, nothing) == (count, digest)
        lines.append(DayLine(*key, counts.get(key, 0), count, digest.hex(), same))
    return lines


def _tally(connection: Connection) -> dict[tuple[str, str, str], tuple[int, bytes]]:
    rows = connection.execute("SELECT day, kind, channel, count, digest FROM day_tally")
    return {(day, kind, channel): (count, digest) for day, kind, channel, count, digest in rows}


def _receipt(connection: Connection, journal: _Journal) -> ReceiptPlace | None:
    """Return where the newest statement stands; one of a journal before this one tells nothing."""
    statement = get_meta(connection, PROOF)
    said = None if statement is None else read_unverified(statement, Receipt)
    if said is None or said.journal != journal.id:
        return None
    row = connection.execute(
        "SELECT hash FROM event WHERE journal = ? AND seq = ?", (journal.no, said.seq)
    ).fetchone()
    start = chain.genesis(journal.device, journal.id).hash
    hash_ = start if said.seq == 0 else (row[0] if row else None)
    return ReceiptPlace(said.seq, format_time(said.time_ms), hash_ == said.hash)
