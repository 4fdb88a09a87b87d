"""What the local door is built from: the rooms behind it, as it sees them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from agent.clock import Clock
from agent.documents import Documents
from agent.journal import Journal
from agent.noticed import Noticed
from agent.scans import Scans
from agent.service import Service
from agent.status import StatusBoard
from agent.sticks import Exported, Fate, Sticks
from agent.users import Users
from agent.web.backoff import LoginBackoff
from agent.web.readings import Readings
from agent.web.sessions import Sessions
from agent.web.shapes import DeviceShape
from agent.web.subscribers import Subscribers
from records.present import ProblemItem
from records.sync_report import SyncReport

T = TypeVar("T")
Given = NamedDependency[SkipValidation[T]]
"""A value that the application hands to a route; the framework need not look into it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything the routes use.

    `office_code`: the agency code in reports.
    `random(n)`: n bytes nobody can foretell. `rebuild()`: builds the views anew, returns the
    number of events. `backup(path)`: copies the journal, returns the bytes written. `prove()`: gets
    a receipt statement of now, returns whether one came.
    `export(after)` makes the next message for a stick, `take_answer(bytes)` takes one from it;
    `sticks` are those plugged into this machine.
    `noticed` keeps problems that stand in no table, `problems` hears of each at once.
    """

    service: Service
    documents: Documents
    scans: Scans
    journal: Journal
    board: StatusBoard
    users: Users
    clock: Clock
    random: Callable[[int], bytes]
    readings: Readings
    office_code: str
    sync_now: Callable[[], None]
    devices: Callable[[], Sequence[DeviceShape]]
    report_token: Callable[[], str | None]
    sync_report: Callable[[], Awaitable[SyncReport]]
    rebuild: Callable[[], Awaitable[int]]
    backup: Callable[[str], Awaitable[int]]
    prove: Callable[[], Awaitable[bool]]
    export: Callable[[int | None], Awaitable[Exported]]
    take_answer: Callable[[bytes], Awaitable[Fate]]
    sticks: Sticks
    noticed: Noticed
    problems: Subscribers[ProblemItem]
    sessions: Sessions = field(init=False)
    backoff: LoginBackoff = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sessions", Sessions(self.random))
        object.__setattr__(self, "backoff", LoginBackoff())
