"""When it really happened: an event's time, corrected once the clock of its boot is known.

docs/protocol.md section 3: an event written under a clock nobody had checked carries the boot it
was written in. The difference between the province's clock and that device's, measured when a
message of the same boot arrives, corrects it. The raw `at` is never changed. The measurement is
kept from messages whose sender did not trust its clock either: once a clock has been set, its
difference says nothing about what was written before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.places import Place
from server.store.tables import boot_clock
from server.stored import Clock
from wire.event import Event, format_time, parse_time
from wire.plaintext import Up
from wire.problems import Malformed

Corrections = Mapping[bytes, int]
TRUSTED = "trusted"


class When(NamedTuple):
    """Milliseconds since the epoch, and how far they can be relied on."""

    occurred_ms: int | None
    clock: Clock


def when(event: Event | None, at_ms: int | None, corrections: Corrections) -> When:
    """Return the time of an event, corrected by the difference of its boot if that is known."""
    if event is None or at_ms is None:
        return When(None, "uncertain")
    if event.clock is None:
        return When(at_ms, "ok")
    correction = corrections.get(_boot(event.boot))
    if correction is None or not _is_moment(at_ms + correction):
        return When(at_ms, "uncertain")
    return When(at_ms + correction, "corrected")


def _is_moment(at_ms: int) -> bool:
    """Tell whether a corrected time can be shown and compared like any other."""
    try:
        parse_time(format_time(at_ms))
    except (Malformed, ValueError, OverflowError, OSError):
        return False
    return True


def _boot(boot: str | None) -> bytes:
    """Return the boot an event names; what is no such name is no known boot either."""
    try:
        return bytes.fromhex(boot or "")
    except ValueError:
        return b""


async def known(conn: AsyncConnection, place: Place) -> Corrections:
    """Return the known differences of the boots of a journal's device."""
    rows = await conn.execute(
        select(boot_clock.c.boot, boot_clock.c.correction_ms).where(
            boot_clock.c.office_id == place.office_id, boot_clock.c.device_id == place.device_id
        )
    )
    return {row.boot: row.correction_ms for row in rows}


async def corrections(
    conn: AsyncConnection, place: Place, up: Up, now_ms: int, *, keep: bool, needed: bool
) -> Corrections:
    """Return the known differences of a device's boots; `keep` the one that `up` shows.

    `needed` is whether any event was written under a clock that nobody had checked.
    """
    keep = keep and up.clock != TRUSTED
    if not keep and not needed:
        return {}
    office_id, device_id = place.office_id, place.device_id
    mine = (boot_clock.c.office_id == office_id) & (boot_clock.c.device_id == device_id)
    measured = await known(conn, place)
    if not keep:
        return measured
    correction = now_ms - up.now
    values = {"correction_ms": correction, "at_ms": now_ms}
    if up.boot in measured:
        await conn.execute(
            boot_clock.update().where(mine & (boot_clock.c.boot == up.boot)).values(values)
        )
    else:
        key = {"office_id": office_id, "device_id": device_id, "boot": up.boot}
        await conn.execute(boot_clock.insert().values(key | values))
    return {**measured, up.boot: correction}
