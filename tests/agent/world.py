"""An office's journal with what a province has sent it, for stories about the agent's core."""

from collections.abc import Sequence
from typing import Any

import msgspec

from agent.clock import ClockState
from agent.journal import Identity
from agent.journal.transaction import Transaction
from records.catalogue import load
from wire import chain
from wire.block import ChainedEvent
from wire.chain import Head
from wire.event import Event, body_of, encode, format_time

KEY = bytes(range(32))
PERSON_KEY = b"p" * 32
START_MS = 1_795_138_265_000
"""2026-11-20 08:31:05 in the office."""
IDENTITY = Identity(
    device_id=b"d" * 32,
    journal=b"j" * 16,
    office_id=b"o" * 16,
    desk=b"k" * 16,
    desk_writer=b"w" * 32,
)


class FakeClock:
    """A clock that stands still until a story moves it."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.wall_ms, self.since_boot_ms = now_ms, 60_000
        self.believed: ClockState = "trusted"
        self.boot_id = b"boot"

    def now_ms(self) -> int:
        return self.wall_ms

    def mono_ms(self) -> int:
        return self.since_boot_ms

    def state(self) -> ClockState:
        return self.believed

    def confirm(self) -> None:
        self.believed = "trusted"

    def advance(self, ms: int) -> None:
        self.wall_ms += ms
        self.since_boot_ms += ms


def note(text: str = "x") -> Event:
    """An event of a kind that no view knows."""
    body = body_of({"text": text})
    return Event(kind="test.noted", at=format_time(START_MS), actor="lan.nt", body=body)


def desk_event(kind: str, body: Any, *, at_ms: int = START_MS - 3_600_000) -> bytes:
    """The bytes of an event that the province writes."""
    return encode(Event(kind=kind, at=format_time(at_ms), actor="province", body=body_of(body)))


def chained(head: Head, events: Sequence[bytes]) -> list[ChainedEvent]:
    """Events with their places behind `head`, as an answer's block gives them."""
    places = []
    for event in events:
        head = chain.extend(head, event)
        places.append(ChainedEvent(head.seq, event, chain.event_digest(event), head.hash, None))
    return places


def lease(**changes: Any) -> dict[str, Any]:
    """A lease for the whole of the winter."""
    return {
        "journal": IDENTITY.journal.hex(), "prefix": "H26.107", "from": 1, "to": 9999, "width": 4,
        "first_day": "2026-11-01", "last_day": "2027-01-31", "volume": 1, "book_next": 1,
        "fields": None,
    } | changes  # fmt: skip


def first_desk_events() -> list[bytes]:
    """What a new office gets: catalogue, calendar, lease."""
    events = [desk_event("procedure.set", row) for row in load().procedures()]
    events.append(desk_event("calendar.set", {"days": {"2026-11-24": "off"}}))
    events.append(desk_event("numbers.leased", lease()))
    return events


def stock(transaction: Transaction) -> None:
    """Append what a new office gets."""
    transaction.append_desk(chained(transaction.desk_head, first_desk_events()))


def as_json(command: Any) -> bytes:
    """A command as a line."""
    return msgspec.json.encode(command)
