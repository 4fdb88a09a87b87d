"""How the agent is: one frozen value that page, command line, sync report and systemd all read."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct, field

from records.leases import LeaseWarning
from records.sync_report import (
    BlobBacklog,
    ClockReport,
    DeviceReport,
    DiskReport,
    ExchangeReport,
    NumbersReport,
)
from wire.problems import CATALOGUE
from wire.texts import Text, load

Line = Literal[
    "online", "offline", "captive-portal", "tls", "dns", "revoked", "moved", "not-enrolled"
]


class TodayCounts(Struct, frozen=True, kw_only=True):
    """Counts of the first page."""

    received: int = 0
    returned: int = 0
    due: int = 0
    overdue: int = 0
    inside: int = 0


class OrderShown(Struct, frozen=True, kw_only=True):
    """An order of the province, by number and title; times are RFC 3339."""

    order: str
    title: str
    from_: str = field(name="from")
    until: str | None = None


class SavingShown(Struct, frozen=True, kw_only=True):
    """What the office holds back to spare its line, and what the line took today.

    `documents`: whether scans go, only those of urgent dossiers do, or all wait; `until`: when they
    go again by themselves (RFC 3339), None while all go. `day_bytes_max` 0: there is no cap.
    """

    why: Literal["quiet-hours", "day-bytes"] | None = None
    documents: Literal["go", "urgent", "wait"] = "go"
    records: Literal["go", "rarely"] = "go"
    until: str | None = None
    bytes_today: int = 0
    day_bytes_max: int = 0


class Status(Struct, frozen=True, kw_only=True):
    """`status --json` of docs/interfaces.md: the sync report without `days`, and the line.

    `backlog` counts events; their bytes and the age of the oldest stand beside it. `line_error` is
    the code of what kept the last exchange from its work, `line_held` that sending waits for
    'sync now', `line_since` since when both and `line` are so. `recording_error` is the code of
    what keeps the journal from being written.
    """

    v: int = 1
    office: str
    office_id: str | None = None
    name: str
    province: str
    device: str | None = None
    journal: str | None = None
    agent: str
    generated_at: str
    head_seq: int = 0
    delivered_seq: int = 0
    backlog: int = 0
    backlog_bytes: int = 0
    backlog_oldest_age_s: int | None = None
    blobs: BlobBacklog = BlobBacklog()
    exchange: ExchangeReport = ExchangeReport()
    clock: ClockReport
    disk: DiskReport = DiskReport()
    numbers: NumbersReport = NumbersReport()
    backup_age_s: int | None = None
    power_losses: int = 0
    conflicts_open: int = 0
    problems_open: int = 0
    policies: tuple[str, ...] = ()
    catalogue: str | None = None
    devices: tuple[DeviceReport, ...] = ()
    days_digest: str | None = None
    line: Line = "not-enrolled"
    line_error: str | None = None
    line_held: bool = False
    line_since: str | None = None
    ready: bool = False
    recording: bool = True
    recording_error: str | None = None
    recording_since: str | None = None
    lease_warnings: tuple[LeaseWarning, ...] = ()
    head: int = 0
    delivered: int = 0
    today: TodayCounts = TodayCounts()
    orders: tuple[OrderShown, ...] = ()
    saving: SavingShown = SavingShown()


class Live(Struct, frozen=True):
    """What changes with every commit, asked for at the moment of looking.

    `broken`: the code of what keeps the journal from being written, and since when (RFC 3339);
    `noticed`: problems that stand in no table; `saving`: None where nothing is ever held back.
    """

    head: int
    delivered: int
    backlog_bytes: int
    broken: tuple[str, str] | None = None
    noticed: int = 0
    saving: SavingShown | None = None


class StatusBoard:
    """The one place where the status stands. Used on the event loop only."""

    def __init__(self, first: Status, live: Callable[[], Live]) -> None:
        self._status = first
        self._live = live
        self._changed = asyncio.Event()
        self.line_news = asyncio.Event()
        """Set, and replaced by a new one, after every exchange: take it, look, then wait for it."""

    def snapshot(self) -> Status:
        """The status now: what was last found out, with the journal's own heads of this moment."""
        live = self._live()
        error, since = live.broken or (None, None)
        status = msgspec.structs.replace(
            self._status,
            head=live.head,
            head_seq=live.head,
            delivered=live.delivered,
            delivered_seq=live.delivered,
            backlog=live.head - live.delivered,
            backlog_bytes=live.backlog_bytes,
            recording=live.broken is None,
            recording_error=error,
            recording_since=since,
            saving=live.saving or self._status.saving,
        )
        problems_open = status.problems_open + live.noticed + len(conditions(status))
        return msgspec.structs.replace(status, problems_open=problems_open)

    def update(self, **changes: Any) -> None:
        """Replace members of the status; subscribers hear of it when something differs."""
        status = msgspec.structs.replace(self._status, **changes)
        if status != self._status:
            self._status = status
            self.touch()

    def tell_line(self, line: Line, error: str | None, at: str, *, held: bool = False) -> None:
        """Put down how the last exchange went, at this moment (RFC 3339).

        `error` is a code of the catalogue, None if well; `held`: nothing more is sent until a
        person asks.
        """
        status = self._status
        if (line, error, held) != (status.line, status.line_error, status.line_held):
            self.update(line=line, line_error=error, line_held=held, line_since=at)
        self.line_news.set()
        self.line_news = asyncio.Event()

    def touch(self) -> None:
        """Tell subscribers to look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def subscribe(self) -> AsyncGenerator[Status, None]:
        """The status now, and again whenever it changed; a slow reader skips what it missed."""
        while True:
            changed = self._changed
            yield self.snapshot()
            await changed.wait()


TEXTS = load("agent", "messages_core.toml")
TOLD_BY_LINE: Final = frozenset(
    {
        "line-down", "line-timeout", "line-cut", "dns-failed", "tls-wrong", "captive-portal",
        "province-moved", "province-older", "device-revoked",
    }
)  # fmt: skip
"""Codes that say no more than the state of the line does."""


class Condition(Struct, frozen=True):
    """Something that a person has to do something about, for as long as it stays so.

    `code` is one of the catalogue, `action` what to do where the catalogue's remedy does not hold.
    """

    id: str
    code: str
    since: str
    action: Text | None = None


def conditions(status: Status) -> tuple[Condition, ...]:
    """Return what in a status does not pass by itself: a broken journal, a line that is held."""
    found: list[Condition] = []
    if not status.recording:
        code, since = status.recording_error, status.recording_since
        found.append(Condition("recording", code or "disk-failed", since or status.generated_at))
    error = None if status.line_error is None else CATALOGUE.get(status.line_error)
    if error is not None and (status.line_held or error.consequence != "retry"):
        action = TEXTS["line.held-do"].format(code=error.code) if status.line_held else None
        since = status.line_since or status.generated_at
        found.append(Condition("line", error.code, since, action))
    return tuple(found)


def sentence(status: Status) -> str:
    """One line in Vietnamese for `systemctl status`."""
    line = TEXTS[f"line.{status.line}"].vi
    if not status.recording:
        line = TEXTS["line.broken"].vi
    elif status.line_held:
        line = TEXTS["line.held"].format(code=status.line_error).vi
    elif status.line_error not in TOLD_BY_LINE and (
        known := CATALOGUE.get(status.line_error or "")
    ):
        line = known.title.vi
    return TEXTS["line.systemd"].format(line=line, backlog=status.backlog, head=status.head).vi
