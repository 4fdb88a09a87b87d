"""Where a message meets the journals of its device (docs/protocol.md section 5, "First contact").

A device has at most one open journal. One that is not known is opened if the device has none
open, or if it begins with `journal.opened` naming the place in the open one that it follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from server import aside, incidents, places, quarantine, succession
from server.aside import Owner
from server.devices import Device
from server.places import Found, Place
from server.request import Request
from wire.chain import Head
from wire.plaintext import Problem, Verdict


@dataclass(frozen=True, slots=True)
class _Meeting:
    """What every step of meeting a journal needs."""

    conn: AsyncConnection
    device: Device
    request: Request
    now_ms: int
    current: bool

    @property
    def owner(self) -> Owner:
        """Whose branches lie aside."""
        return Owner(self.device.office_id, self.device.device_id, self.request.up.journal)


class Contact(Struct, frozen=True, kw_only=True):
    """How a message meets what is held.

    `place` is the journal (None: not taken up) and `start` its hash(0); `fresh` is how many of
    the message's last events are new; `have` and `ladder` are those of the verdict, `problems`
    those of its events that the answer names. `branch` is the head of the message's own branch,
    where that lies aside.
    """

    place: Place | None
    start: Head
    verdict: Verdict
    fresh: int = 0
    have: int | None = None
    ladder: tuple[Head, ...] = ()
    problems: tuple[Problem, ...] = ()
    branch: Head | None = None

    @property
    def receipt(self) -> Head:
        """The head the province holds."""
        if self.branch is not None:
            return self.branch
        return self.start if self.place is None else self.place.head

    def at(self, head: Head, problems: Sequence[Problem]) -> Contact:
        """Return the contact once the journal has this head, and the problems found on the way."""
        place = None if self.place is None else msgspec.structs.replace(self.place, head=head)
        return msgspec.structs.replace(self, place=place, problems=tuple(problems))

    def believing(self, device: Device) -> Device:
        """Return the device as its answer treats it: one whose message is kept aside not believed.

        The message just put it in quarantine, or may be that of another box with its key.
        """
        if self.verdict != "quarantined" or device.state != "active":
            return device
        return msgspec.structs.replace(device, state="quarantined")

    def naming(self, problems: Sequence[Problem]) -> Contact:
        """Return the contact that names these problems too."""
        return msgspec.structs.replace(self, problems=(*self.problems, *problems))


async def meet_journal(
    conn: AsyncConnection, device: Device, request: Request, now_ms: int, *, current: bool
) -> Contact:
    """Compare a message with its journal, opening that if it may be opened.

    A fork, and a journal that may not be opened, become incidents; their events are kept aside.
    `current` is by its turn: only such a message can put a device in quarantine.
    """
    this = _Meeting(conn, device, request, now_ms, current)
    up = request.up
    place = await places.find(conn, device.office_id, device.device_id, up.journal)
    if device.state == "quarantined":
        return await _aside(this, place)
    if place is None:
        opened = await succession.open_unknown(conn, device, request, now_ms)
        if opened == "unknown-journal":
            start = places.start_of(device.device_id, up)
            return Contact(place=None, start=start, verdict="unknown-journal")
        if not isinstance(opened, Place):
            return await _put_aside(this, place, second_fork=opened == "second-fork")
        place = opened
    chained = [item.chained for item in request.judged]
    prev = up.events.prev if up.events is not None else b""
    found = await places.meet(conn, place, up.head, prev, chained)
    if await _forks(this, place, found):
        if place.state == "open" and place.may_fork:
            return await _forked(this, place, found)
        return await _put_aside(this, place, second_fork=place.state == "open")
    if place.state != "open" and found.fresh:
        return await _put_aside(this, place, second_fork=False)
    start = places.start_of(device.device_id, up)
    return Contact(
        place=place, start=start, verdict=found.verdict, fresh=found.fresh, have=found.have
    )


async def _forks(this: _Meeting, place: Place, found: Found) -> bool:
    """Return whether a message stands on another branch than the journal.

    It may show no more of one than that it lies aside. What lies aside there may also be the very
    events that follow the held head: a person believed the device again before all of them were
    here. Then the journal just lacks them.
    """
    if found.verdict == "fork":
        return True
    if found.fresh or this.request.up.head.seq <= place.head.seq:
        return False
    branch = await aside.branch_under(this.conn, this.owner, this.request)
    if place.state != "open":
        return bool(branch)
    rest = aside.behind(place, branch)
    return bool(rest) and not aside.leads_on(place, rest)


async def _forked(this: _Meeting, place: Place, found: Found) -> Contact:
    """Answer a journal's first fork: where both agree, and what only the device has, aside."""
    await _told(this, "fork", (place.head.hash,))
    await aside.keep(this.conn, this.owner, place, this.request, this.now_ms)
    return Contact(
        place=place,
        start=place.start,
        verdict="fork",
        have=found.have,
        ladder=await places.ladder(this.conn, place),
    )


async def _put_aside(this: _Meeting, place: Place | None, *, second_fork: bool) -> Contact:
    """Keep a message aside that counts for nothing, and tell a person."""
    if second_fork and this.current:
        journal_id = this.request.up.journal
        await quarantine.begin(this.conn, this.device, "second-fork", journal_id, this.now_ms)
    else:
        await _told(this, "quarantined", ())
    return await _aside(this, place)


async def _aside(this: _Meeting, place: Place | None) -> Contact:
    kept = await aside.keep(this.conn, this.owner, place, this.request, this.now_ms)
    start = places.start_of(this.device.device_id, this.request.up)
    return Contact(place=place, start=start, verdict="quarantined", branch=kept.head)


async def _told(this: _Meeting, kind: str, facts: tuple[bytes, ...]) -> None:
    device, journal_id = this.device, this.request.up.journal
    await incidents.record(
        this.conn,
        device.office_id,
        kind,
        facts=(journal_id, *facts),
        detail=f"journal {journal_id.hex()}",
        now_ms=this.now_ms,
        device_id=device.device_id,
        journal_id=journal_id,
    )
