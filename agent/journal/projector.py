"""What the journal calls so that views follow it in the same transaction."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from agent.journal.database import Connection
from agent.journal.identity import Identity
from agent.journal.schema import Side
from wire.event import Event


class Entry(NamedTuple):
    """One event at its place, as a view is told of it.

    `journal` is the number of its journal in the file. `body` is the event's decoded body when the
    writer has it at hand, else None: then it is decoded from `event.body`.
    """

    pos: int
    journal: int
    side: Side
    seq: int
    hash: bytes
    event: Event
    body: msgspec.Struct | None = None


class DeliveredRow(NamedTuple):
    """One event of the office journal whose delivery is now proven (or no longer)."""

    pos: int
    seq: int
    hash: bytes
    body: bytes | None


class Projector(Protocol):
    """Views that follow the journal. Called on the writer's thread, inside its transaction."""

    def prepare(self, connection: Connection) -> None:
        """Make the tables where they are missing; called once at opening, in a transaction."""
        ...

    def apply(self, connection: Connection, entry: Entry) -> None:
        """Follow one appended event."""
        ...

    def delivered(
        self, connection: Connection, identity: Identity, rows: Sequence[DeliveredRow], sign: int
    ) -> None:
        """Follow the delivered mark over events: `sign` 1 when proven, -1 when taken back."""
        ...

    def renamed(self, connection: Connection, pos: int, before: bytes, after: bytes) -> None:
        """The event at `pos` was entered anew: its hash was `before` and is `after`."""
        ...

    def begun(self, connection: Connection) -> None:
        """Another office journal begins, of which nothing is delivered."""
        ...

    def undone(self) -> None:
        """Something was rolled back: forget whatever was remembered outside the database."""
        ...


class NoViews:
    """A journal without views: for tools that only read, and for tests of the journal itself."""

    def prepare(self, connection: Connection) -> None:
        """Nothing to make."""

    def apply(self, connection: Connection, entry: Entry) -> None:
        """Nothing to follow."""

    def delivered(
        self, connection: Connection, identity: Identity, rows: Sequence[DeliveredRow], sign: int
    ) -> None:
        """Nothing to follow."""

    def renamed(self, connection: Connection, pos: int, before: bytes, after: bytes) -> None:
        """Nothing to find again."""

    def begun(self, connection: Connection) -> None:
        """Nothing to count anew."""

    def undone(self) -> None:
        """Nothing to forget."""
