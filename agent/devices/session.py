"""The life of one device as a state machine without I/O.

Drawn in docs/state-machines/device-session.mmd.

Closed -> Opening -> Ready -> Lost -> Opening, with capped, fully jittered back-off between tries.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass, replace

BACKOFF_FIRST_MS = 250
"""A replugged device is back within two seconds."""

BACKOFF_MAX_MS = 2_000
"""A port that stays away is tried this often at the slowest; a try costs one failed open()."""


class State(enum.Enum):
    """Where the session is; the value is the word that status and pages show."""

    CLOSED = "closed"
    OPENING = "opening"
    READY = "ready"
    LOST = "lost"


class Happening(enum.Enum):
    """What the shell tells the session."""

    START = "start"
    OPENED = "opened"
    OPEN_FAILED = "open failed"
    GONE = "gone"
    RETRY = "retry"
    STOP = "stop"


TRANSITIONS: dict[tuple[State, Happening], State] = {
    (State.CLOSED, Happening.START): State.OPENING,
    (State.OPENING, Happening.OPENED): State.READY,
    (State.OPENING, Happening.OPEN_FAILED): State.LOST,
    (State.READY, Happening.GONE): State.LOST,
    (State.LOST, Happening.RETRY): State.OPENING,
    (State.OPENING, Happening.STOP): State.CLOSED,
    (State.READY, Happening.STOP): State.CLOSED,
    (State.LOST, Happening.STOP): State.CLOSED,
}
"""Everything that may happen; any other pair is a fault of the shell."""


@dataclass(frozen=True, slots=True)
class Session:
    """State, and how many tries have failed since the device was last ready."""

    state: State = State.CLOSED
    failures: int = 0

    def after(self, happening: Happening) -> "Session":
        """Give the session after something happened; raises ValueError where nothing is drawn."""
        new = TRANSITIONS.get((self.state, happening))
        if new is None:
            raise ValueError(f"{happening.value} cannot happen in state {self.state.value}")
        if happening is Happening.OPEN_FAILED:
            return replace(self, state=new, failures=self.failures + 1)
        if happening is Happening.OPENED:
            return replace(self, state=new, failures=0)
        return replace(self, state=new)

    def wait_ms(self, random: Callable[[], float]) -> int:
        """Give the time until the next try, jittered (random gives [0, 1)), never a busy loop."""
        ceiling = min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** min(self.failures, 8))
        return BACKOFF_FIRST_MS // 2 + int(random() * (ceiling - BACKOFF_FIRST_MS // 2))
