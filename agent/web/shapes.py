"""Shapes of the local API that are nobody else's: what the command line and the pages exchange."""

from typing import Any, Literal

from msgspec import Struct

from agent.sticks import Stick
from agent.views.scans import WaitingScan


class Done(Struct, frozen=True):
    """Something was done that has no result of its own."""

    ok: bool = True


class Health(Struct, frozen=True):
    """The daemon answers; `ready`: commands can be recorded."""

    ok: bool
    ready: bool


class SessionShape(Struct, frozen=True):
    """Who is signed in; `csrf` goes into X-CSRF-Token of every call that changes something.

    `counter` is the one this browser stands at, as said at sign-in.
    """

    user: str | None
    role: str | None
    csrf: str | None
    counter: int | None = None


class SyncAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """Deliver now, and answer when nothing is left or after so many seconds."""

    wait_s: int = 0


class SyncDone(Struct, frozen=True):
    """What is left to deliver: counts of events and of files."""

    head: int
    delivered: int
    backlog: int
    blobs_waiting: int


class StickList(Struct, frozen=True):
    """The sticks that are plugged in."""

    items: tuple[Stick, ...]


class ScanList(Struct, frozen=True):
    """The scans that wait to be attached, newest first."""

    items: tuple[WaitingScan, ...]
    next: None = None


class ExportAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """The next message for a stick: with the events after number `after`, null: the first."""

    after: int | None = None


class ExportedMessage(Struct, frozen=True):
    """One sealed message (base64); `last`: its last event; `more`: others wait behind it."""

    message: bytes
    last: int
    more: bool


class CarriedAnswer(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a stick (base64) that may be an answer to this office."""

    answer: bytes


class AnswerTaken(Struct, frozen=True):
    """What became of it: taken, repeated, or foreign (for another office)."""

    fate: Literal["taken", "repeated", "foreign"]
    delivered: int
    backlog: int


class Rebuilt(Struct, frozen=True):
    """The views were built anew from so many events."""

    ok: bool
    events: int


class BackupAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """Copy the journal to this absolute path on the daemon's machine."""

    file: str


class BackedUp(Struct, frozen=True):
    """A consistent, encrypted copy stands at `file`."""

    ok: bool
    file: str
    bytes: int


class NewUser(Struct, frozen=True, forbid_unknown_fields=True):
    """A user to add; role clerk, supervisor or technician."""

    name: str
    role: str
    pin: str
    display: str = ""


class NewUsers(Struct, frozen=True, forbid_unknown_fields=True):
    """Users to add: all of them, or none."""

    users: tuple[NewUser, ...]


class NewPin(Struct, frozen=True, forbid_unknown_fields=True):
    """A new PIN."""

    pin: str


class UserShape(Struct, frozen=True):
    """A user as lists show it; never the PIN."""

    name: str
    role: str
    display: str
    active: bool


class UserList(Struct, frozen=True):
    """All users, by name."""

    items: tuple[UserShape, ...]


class DeviceShape(Struct, frozen=True):
    """One device: state ready, opening, lost or closed."""

    name: str
    driver: str
    state: str
    last_reading_age_s: int | None


class DeviceList(Struct, frozen=True):
    """All devices of the configuration."""

    items: tuple[DeviceShape, ...]


class NewReading(Struct, frozen=True, forbid_unknown_fields=True):
    """What a scanner on a counter's own PC has read, as text; `counter` is passed over."""

    text: str
    device: str
    counter: int = 0


class ReadingShape(Struct, frozen=True):
    """A reading; `value` has the parts of its kind, a card's masked unless it is the counter's."""

    id: str
    device: str
    counter: int
    at: str
    kind: str
    value: dict[str, Any]


class ReadingList(Struct, frozen=True):
    """Readings, newest first; `next` continues."""

    items: tuple[ReadingShape, ...]
    next: str | None
