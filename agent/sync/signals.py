"""What goes into the sync engine, what comes out of it, and the states it can be in.

All values are frozen. Times are milliseconds of the monotonic clock: the wall clock of an office
may jump to 1970 and back, waiting must not.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.status import Line
from agent.sync.faults import Fault
from agent.sync.pacing import Batch, Load

# --- states ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NotEnrolled:
    """No keys yet: nothing to say and nobody to say it to."""


@dataclass(frozen=True, slots=True)
class Idle:
    """All that was known is with the province; asks for news when `until_ms` comes."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class Exchanging:
    """The one open request is on its way."""

    request: int
    since_ms: int
    again: bool = False
    """A failure is answered with another try at once: somebody asked for 'sync now' meanwhile, or
    the line is known to be back."""
    quiet: bool = False
    """Nothing was heard on its connection for `QUIET_MS`, not even an acknowledgement."""
    changed_ms: int | None = None
    """When the network changed its shape, and nothing was heard since."""


@dataclass(frozen=True, slots=True)
class BackingOff:
    """An exchange failed; the next try is at `until_ms`, or when the network comes back."""

    until_ms: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class Held:
    """Three times the same disagreement at the same place: waits for 'sync now'."""

    fault: Fault
    place: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The province revoked this device in a bound answer: nothing is ever sent again."""

    fault: Fault


State = NotEnrolled | Idle | Exchanging | BackingOff | Held | Stopped

# --- inputs ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Keys are there. `unsent`: events wait; `revoked`: an earlier answer said so for good."""

    unsent: bool
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """The time of the last `WaitUntil` has come. `asked`: no, somebody wants an answer."""

    asked: bool = False


@dataclass(frozen=True, slots=True)
class Appended:
    """The journal grew. `pressing`: by something that does not wait for a cheaper hour."""

    pressing: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """A blob was sent whole, or a grant is over: only an answer says what comes of it."""


@dataclass(frozen=True, slots=True)
class SyncNow:
    """A person wants it now."""


@dataclass(frozen=True, slots=True)
class NetworkUp:
    """The line is back: a probe reached the province, or the kernel told of a new route."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A bound answer came, was judged, and its effects are durable."""

    request: int
    load: Load
    place: int
    """Sequence number of the receipt."""
    unsent: bool
    """Events lie beyond what the province is now known to hold."""
    progress: bool = True
    """What the province is known to hold moved, or desk events came in."""
    pressing: bool = False
    """One of these does not wait for a cheaper hour; only found out while some would."""
    more: bool = False
    """Something else is wanted at once: further desk events, or the days."""
    fault: Fault | None = None
    """The disagreement or verdict that keeps this from being simply well."""
    notice: Fault | None = None
    """Something to show that stops nothing."""
    next_after_s: int = 0


@dataclass(frozen=True, slots=True)
class Failed:
    """No bound answer: the exchange broke off, or what came is not one."""

    request: int
    fault: Fault
    load: Load
    """What went out, as far as is known: it did not arrive."""
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """For so long nothing was heard on the open request's connection; told twice a second."""

    request: int
    silent_ms: int


Input = Enrolled | Due | Appended | Asking | SyncNow | NetworkUp | Answered | Failed | Silence

# --- effects -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """Build, seal and post one message; answer with `Answered` or `Failed` of this number."""

    request: int
    batch: Batch


@dataclass(frozen=True, slots=True)
class Abandon:
    """Close the connection of the open request, which then fails; too late if it is answered."""

    request: int


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Give `Due` at this time; replaces any earlier one. None: no such time."""

    at_ms: int | None


@dataclass(frozen=True, slots=True)
class Probe:
    """Watch for the line's return with cheap connects, or stop watching."""

    on: bool
    down: bool = True
    """Whether the line counts as down now: only its coming *up* is worth a `NetworkUp`."""


@dataclass(frozen=True, slots=True)
class Show:
    """Tell people the state of the line, and why it is not well (None: it is)."""

    line: Line
    fault: Fault | None = None


Effect = Send | Abandon | WaitUntil | Probe | Show
