"""Where a message meets the journals of its device (docs/protocol.md section 5, "First contact").

A device has at most one open journal. One that is not known is opened if the device has none
open, or if it begins with `journal.opened` naming the place in the open one that it follows.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from server import incidents, offices, places
from server.devices import Device
from server.places import Place
from server.request import Request
from server.store.tables import journal
from wire.chain import Head
from wire.plaintext import Problem, Verdict


class _Opened(Struct, frozen=True):
    """Body of `journal.opened`: the (journal, seq, hash) it follows, in hexadecimal."""

    after: tuple[str, int, str]


class Contact(Struct, frozen=True, kw_only=True):
    """How a message meets what is held.

    `place` is the journal (None: not taken up) and `start` its hash(0); `fresh` is how many of
    the message's last events are new; `have` and `ladder` are those of the verdict, `problems`
    those of its events that the answer names.
    """

    place: Place | None
    start: Head
    verdict: Verdict
    fresh: int = 0
    have: int | None = None
    ladder: tuple[Head, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def receipt(self) -> Head:
        """The head the province holds."""
        return self.start if self.place is None else self.place.head

    def at(self, head: Head, problems: Sequence[Problem]) -> Contact:
        """Return the contact once the journal has this head, and the problems found on the way."""
        place = None if self.place is None else msgspec.structs.replace(self.place, head=head)
        return msgspec.structs.replace(self, place=place, problems=tuple(problems))

    def naming(self, problems: Sequence[Problem]) -> Contact:
        """Return the contact that names these problems too."""
        return msgspec.structs.replace(self, problems=(*self.problems, *problems))


async def meet_journal(
    conn: AsyncConnection, device: Device, request: Request, now_ms: int
) -> Contact:
    """Compare a message with its journal, opening that if it may be opened.

    A fork, and a journal that may not be opened, become incidents; their events are not stored.
    """
    up = request.up
    start = places.start_of(device.device_id, up)
    place = await places.find(conn, device.office_id, device.device_id, up.journal)
    if place is None:
        place, verdict = await _first(conn, device, request, now_ms)
        if place is None:
            return Contact(place=None, start=start, verdict=verdict)
    chained = [item.chained for item in request.judged]
    prev = up.events.prev if up.events is not None else b""
    found = await places.meet(conn, place, up.head, prev, chained)
    if found.verdict == "fork":
        await _told(conn, device, up.journal, "fork", (up.head.hash,), now_ms)
        rungs = await places.ladder(conn, place)
        return Contact(place=place, start=start, verdict="fork", have=found.have, ladder=rungs)
    shut = device.state == "quarantined" or place.state != "open"
    if shut and (found.fresh or device.state == "quarantined"):
        await _told(conn, device, up.journal, "quarantined", (), now_ms)
        return Contact(place=place, start=start, verdict="quarantined")
    return Contact(
        place=place, start=start, verdict=found.verdict, fresh=found.fresh, have=found.have
    )


async def _first(
    conn: AsyncConnection, device: Device, request: Request, now_ms: int
) -> tuple[Place | None, Verdict]:
    """Open an unknown journal if that is allowed; else say what it is instead."""
    journal_id = request.up.journal
    known = await places.journals_of(conn, device.office_id, device.device_id)
    former = next((place for place in known if place.state == "open"), None)
    if former is not None:
        after = _named(request)
        if after is None or after[0] != former.journal_id.hex():
            await _told(conn, device, journal_id, "quarantined", (), now_ms)
            return None, "quarantined"
        held = await places.hash_at(conn, former, after[1])
        if held is None:
            return None, "unknown-journal"
        if held.hex() != after[2]:
            await _told(conn, device, journal_id, "quarantined", (), now_ms)
            return None, "quarantined"
        await conn.execute(journal.update().where(former.row).values(state="closed"))
    if device.state == "quarantined":
        return None, "quarantined"
    await offices.locked(conn, device.office_id)
    opened = await places.open_journal(conn, device.office_id, device.device_id, journal_id, now_ms)
    return opened, "ok"


def _named(request: Request) -> tuple[str, int, str] | None:
    """Return the place a first event says its journal follows."""
    first = request.judged[0] if request.judged else None
    if first is None or first.event is None or first.chained.seq != 1:
        return None
    if first.event.kind != "journal.opened":
        return None
    try:
        return msgspec.json.decode(first.event.body, type=_Opened).after
    except msgspec.DecodeError:
        return None  # it names no place, so it follows none


async def _told(  # noqa: PLR0917 - the facts of one incident
    conn: AsyncConnection,
    device: Device,
    journal_id: bytes,
    kind: str,
    facts: tuple[bytes, ...],
    now_ms: int,
) -> None:
    await incidents.record(
        conn,
        device.office_id,
        kind,
        facts=(journal_id, *facts),
        detail=f"journal {journal_id.hex()}",
        now_ms=now_ms,
        device_id=device.device_id,
        journal_id=journal_id,
    )
