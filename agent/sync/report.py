"""What the office tells about itself with a message (docs/protocol.md section 9).

A report goes along when it tells something new: anything but the time it was made, ages, byte
counts and the line's own bookkeeping, which differ every time; with a short message at most every
15 minutes. `days` travels only when the province asked, always together with the report whose
`days_digest` it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from records.sync_report import BlobBacklog, DiskReport, ExchangeReport, SyncReport
from wire.digests import DayRow, encode_days
from wire.limits import REPORT_PAUSE_S_MIN


@dataclass(frozen=True, slots=True)
class Told:
    """What goes with the next message: `report` as JSON, `days` as CBOR."""

    report: bytes | None = None
    days: bytes | None = None


class Reporter(Protocol):
    """Knows what the office has to tell."""

    async def tell(self, *, days: bool, sparing: bool = False) -> Told:
        """Return what is new since the last `acknowledged`; with `days`, all of it.

        `sparing`: the message is short, so news may wait for `REPORT_PAUSE_S_MIN`.
        """
        ...

    def acknowledged(self, told: Told) -> None:
        """The province has this one."""
        ...


class Silent:
    """Nothing to tell."""

    async def tell(self, *, days: bool, sparing: bool = False) -> Told:  # noqa: ARG002
        """Return nothing."""
        return Told()

    def acknowledged(self, told: Told) -> None:
        """Nothing to remember."""


@dataclass(frozen=True, slots=True)
class Collected:
    """A report without `days`, and the rows whose digest it carries: of one delivered mark."""

    report: SyncReport
    days: Sequence[DayRow]


class OfficeReporter:
    """Tells the sync report when it is news."""

    def __init__(
        self, collect: Callable[[], Awaitable[Collected]], mono_ms: Callable[[], int]
    ) -> None:
        self._collect = collect
        self._mono_ms = mono_ms
        self._known: SyncReport | None = None
        self._known_ms = 0
        self._told: tuple[Told, SyncReport] | None = None

    async def tell(self, *, days: bool, sparing: bool = False) -> Told:
        """Return the report if it is news or days are asked for."""
        if sparing and not days and self._is_recent():
            self._told = None
            return Told()
        collected = await self._collect()
        gist = gist_of(collected.report)
        if gist == self._known and not days:
            self._told = None
            return Told()
        told = Told(
            msgspec.json.encode(collected.report),
            encode_days(collected.days) if days else None,
        )
        self._told = told, gist
        return told

    def acknowledged(self, told: Told) -> None:
        """Remember what the province has."""
        if self._told is not None and self._told[0] is told:
            self._known, self._known_ms = self._told[1], self._mono_ms()

    def _is_recent(self) -> bool:
        pause_ms = REPORT_PAUSE_S_MIN * 1_000
        return self._known is not None and self._mono_ms() - self._known_ms < pause_ms


def gist_of(report: SyncReport) -> SyncReport:
    """Return a report without what differs every time."""
    replace = msgspec.structs.replace
    return replace(
        report,
        generated_at="",
        backlog=replace(report.backlog, oldest_age_s=None),
        blobs=BlobBacklog(count=report.blobs.count),
        exchange=ExchangeReport(last_error=report.exchange.last_error),
        clock=replace(report.clock, offset_ms=None),
        disk=DiskReport(state=report.disk.state),
        backup_age_s=None,
        devices=tuple(replace(device, last_reading_age_s=None) for device in report.devices),
    )
