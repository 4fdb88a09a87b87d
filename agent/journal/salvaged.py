"""The end of a salvage: what waited for a hole to be filled, and is entered anew when it is not.

A damaged file's own events beyond its first hole wait in `meta` (`agent.journal.salvage`). What the
province gives back joins them where they stood. When it has no more to give, or is silent for too
long, each of them is entered anew behind the head with `again`, as after a fork (docs/protocol.md
section 6); what is in neither place is named as lost.
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.journal import entered_again
from agent.journal.entered_again import Names
from wire import chain
from wire import event as wire_event
from wire.problems import Malformed

if TYPE_CHECKING:
    from agent.journal.database import Connection
    from agent.journal.transaction import Transaction

SALVAGED: Final = "salvaged."
"""In `meta`, with the number of an own event: its hash ‖ bytes, until what is before it is back."""
UNTIL: Final = "salvaged.until"
"""In `meta`: the last own event that a damaged file had, after a salvage."""
HELD: Final = "salvaged.held"
"""In `meta`: up to where the province said that it holds own events, heard before or after."""
LOST: Final = "events-lost"


class _Waiting(NamedTuple):
    seq: int
    hash: bytes
    body: bytes


def end(transaction: Transaction, held: int) -> None:
    """Enter anew what still waits beyond what the province holds up to `held`; name what is lost.

    Without a salvage that goes on nothing happens.
    """
    until = transaction.get_meta(UNTIL)
    if until is None:
        return
    head, names = transaction.head.seq, Names({}, {}, {})
    waiting = _waiting(transaction.conn)
    transaction.conn.execute("DELETE FROM meta WHERE key GLOB ?", (f"{SALVAGED}*",))
    for event in waiting:
        # One right behind the head was held against it already and did not lead on.
        if event.seq > max(head + 1, held):
            _enter(transaction, event, names, head)
    lost = holes(max(head, held), names.seqs, until)
    if lost:
        journal = transaction.identity.journal.hex() if transaction.identity else ""
        ranges = ", ".join(f"{first}..{last}" for first, last in lost)
        transaction.note_problem("desk", 0, LOST, f"{journal} {ranges}")


def holes(kept: int, found: Container[int], until: int) -> tuple[tuple[int, int], ...]:
    """Return first and last of each run behind `kept`, up to `until`, that was not found."""
    runs: list[tuple[int, int]] = []
    for seq in range(kept + 1, until + 1):
        if seq in found:
            continue
        if runs and runs[-1][1] == seq - 1:
            runs[-1] = runs[-1][0], seq
        else:
            runs.append((seq, seq))
    return tuple(runs)


def _waiting(conn: Connection) -> list[_Waiting]:
    query = "SELECT CAST(substr(key, ?) AS INTEGER), value FROM meta WHERE key GLOB ? ORDER BY 1"
    rows = conn.execute(query, (len(SALVAGED) + 1, f"{SALVAGED}[0-9]*"))
    return [_Waiting(seq, value[:32], value[32:]) for seq, value in rows]


def _enter(transaction: Transaction, event: _Waiting, names: Names, head: int) -> None:
    """Enter one event anew, unless it cannot be read or names by number one that is lost."""
    named = entered_again.named_in(event.body)
    if any(seq > head and seq not in names.seqs for seq in named):
        return
    former = chain.event_id(event.hash)
    try:
        data = entered_again.enter_again(event.body, former, names)
    except Malformed:
        return
    place = transaction.append_bytes(data, wire_event.decode(data))
    names.seqs[event.seq] = place.seq
    names.ids[str(former)] = place.seq
