"""What the local door is built from: the rooms behind it, as it sees them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Protocol, TypeVar

from litestar.params import Dependency

from agent.clock import Clock
from agent.journal import Journal
from agent.service import Service
from agent.status import StatusBoard
from agent.web.backoff import LoginBackoff
from agent.web.readings import Readings
from agent.web.sessions import Sessions
from agent.web.shapes import DeviceShape

T = TypeVar("T")
Given = Annotated[T, Dependency(skip_validation=True)]
"""A value that the application hands to a route; the framework need not look into it."""


class SyncNow(Protocol):
    """Something that can be told to deliver at once."""

    def __call__(self) -> None:
        """Deliver as soon as possible."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything the routes use. `random(n)` gives n bytes nobody can foretell."""

    service: Service
    journal: Journal
    board: StatusBoard
    clock: Clock
    random: Callable[[int], bytes]
    readings: Readings
    sync_now: Callable[[], None]
    devices: Callable[[], Sequence[DeviceShape]]
    report_token: Callable[[], str | None]
    sessions: Sessions = field(init=False)
    backoff: LoginBackoff = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sessions", Sessions(self.random))
        object.__setattr__(self, "backoff", LoginBackoff())
