"""A dossier as it stands: the value that the fold of `records.dossier` makes of its events."""

from typing import Literal

from msgspec import Struct

from records.conflicts import Kept, Mark
from records.desk_events import State
from records.documents import Attachment
from records.values import Applicant, Channel, Document, Holder, Proxy, ReturnedBy

Outcome = Literal["resolved", "refused", "stopped", "withdrawn"]

OPEN: frozenset[State] = frozenset({"received", "supplement_requested", "forwarded"})
WORKED_ON: frozenset[State] = frozenset({"received", "forwarded"})
ENDED: frozenset[State] = frozenset({"resolved", "refused", "stopped", "withdrawn"})
ANY: frozenset[State] = OPEN | ENDED | {"in_post", "returned"}


class Dossier(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One dossier now. Times are milliseconds since 1970; `None` is not known or not yet.

    `before` is the state that a supplement, or an item that comes back, returns to. `due_at_ms` is
    what was promised last, `first_due_at_ms` what was promised at first. `ended_at_ms` and
    `outcome` say when and how the work ended, and stay when the result is given back. `kept` are
    the open conflicts, oldest first. `moved` says who changed state or holder last; `unseen` names
    what the province said since it did so itself, until the office shows that it knows of it.
    """

    procedure_code: str
    version: str | None = None
    state: State = "received"
    before: State | None = None
    holder: Holder = "office"
    channel: Channel
    return_channel: Channel
    return_address: str | None = None
    received_at_ms: int
    first_due_at_ms: int | None = None
    due_at_ms: int | None = None
    ended_at_ms: int | None = None
    outcome: Outcome | None = None
    returned_at_ms: int | None = None
    returned_by: ReturnedBy | None = None
    applicant: Applicant
    proxy: Proxy | None = None
    documents: tuple[Document, ...] = ()
    attached: tuple[Attachment, ...] = ()
    sets: int = 1
    summary: str | None = None
    note: str | None = None
    pages: int | None = None
    copies: int | None = None
    urgent: bool = False
    overridden: bool = False
    immediate: bool = False
    code: str | None = None
    book_year: int | None = None
    volume: int | None = None
    number: int | None = None
    fees_due_vnd: int | None = None
    fees_paid_vnd: int = 0
    extended: bool = False
    supplement_rounds: int = 0
    problems: int = 0
    kept: tuple[Kept, ...] = ()
    moved: Mark | None = None
    unseen: tuple[str, ...] = ()

    @property
    def conflicts(self) -> int:
        """How many conflicts wait for a person."""
        return len(self.kept)

    @property
    def book(self) -> str | None:
        """The place in the register as printed, `volume/number`."""
        return None if self.volume is None else f"{self.volume}/{self.number}"

    @property
    def resolved_at_ms(self) -> int | None:
        """When the result was there; None for a dossier that ended in another way."""
        return self.ended_at_ms if self.outcome == "resolved" else None

    @property
    def is_open(self) -> bool:
        """Whether work on it goes on, or papers are waited for."""
        return self.state in OPEN
