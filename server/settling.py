"""What a person does about a device in quarantine (docs/protocol.md section 6).

- `listed`: who is in quarantine, and what lies aside.
- `accept`: the device is believed again. What lies aside and leads on from what the province holds
  becomes part of its journal; the journal it speaks of is the open one.
- `release`: the device may go on behind its journal in one more, entering anew what only it has,
  though it did so before; for branches that lead on from nothing.
- Two boxes with one key: the key is revoked (`server.enrolment.revoke`) and the true one enrols.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server import arrival, aside, desk, desk_refolded, devices, incidents, ingest, offices, places
from server.aside import Owner
from server.context import ServerContext
from server.desk import Saying
from server.devices import Device, State
from server.judging import judge_all
from server.places import Place
from server.store.tables import device as device_table
from server.store.tables import incident, journal, office
from wire.block import ChainedEvent
from wire.chain import Head
from wire.event import body_of
from wire.keys import device10
from wire.problems import Refusal

BATCH_EVENTS = 1_000
ENDED = ("quarantined", "fork")


class Listed(Struct, frozen=True, kw_only=True):
    """One journal of which something lies aside, or that of a device in quarantine.

    `heads`: how far its branches reach, the longest first.
    """

    device: str
    office: str
    state: str
    journal: str
    events: int
    heads: tuple[int, ...]


async def listed(conn: AsyncConnection) -> list[Listed]:
    """Return what waits for a person, by office and device."""
    held = dict(await aside.owners(conn))
    rows = (
        await conn.execute(
            select(device_table, office.c.code)
            .join(office, office.c.office_id == device_table.c.office_id)
            .order_by(office.c.code, device_table.c.device_id)
        )
    ).all()
    found: list[Listed] = []
    for row in rows:
        own = [each for each in held if each.device_id == row.device_id]
        if not own and row.state == "quarantined":
            own = [Owner(row.office_id, row.device_id, row.said_journal or b"")]
        found += [await _listed(conn, row, each, held.get(each, 0)) for each in own]
    return found


async def _listed(conn: AsyncConnection, row: Row[Any], each: Owner, events: int) -> Listed:
    return Listed(
        device=device10(row.device_id),
        office=row.code,
        state=row.state,
        journal=each.journal_id.hex(),
        events=events,
        heads=tuple(head.seq for head in await aside.heads(conn, each)),
    )


async def accept(ctx: ServerContext, device_id: bytes, note: str) -> int:
    """Believe a device again; return how many events became part of its journal.

    What it has not sent yet, up to the head it spoke of last, comes by itself.
    Raises Refusal `sender-unknown`, `device-revoked`, and `fork` when what it says last leads on
    from nothing that is held: then `release` it, or revoke it.
    """
    now_ms = ctx.now_ms()
    async with ctx.store.write() as conn:
        device = await _locked(conn, device_id)
        owner, head = await _said(conn, device)
        await offices.locked(conn, device.office_id)
        place = await places.find(conn, device.office_id, device_id, owner.journal_id)
        branch = await aside.branch(conn, owner, head.hash)
        if place is None:
            place = await _begun(conn, owner, branch, now_ms)
        if await places.hash_at(conn, place, head.seq) not in {head.hash, None}:
            raise Refusal("fork", owner.journal_id.hex())
        branch = branch or await _only_branch(conn, owner, place, head.seq)
        events = aside.behind(place, branch)
        if events and not aside.leads_on(place, events):
            raise Refusal("fork", owner.journal_id.hex())
        await _only_open(conn, place)
        await _append(conn, place, events, now_ms)
        await aside.forget(conn, owner, branch)
        device = await _believe(conn, device, note, now_ms)
        await _fold(conn, ctx, device, now_ms)
    return len(events)


async def release(ctx: ServerContext, device_id: bytes, note: str) -> None:
    """Let a device go on behind its open journal in one more.

    Raises Refusal `sender-unknown`, `device-revoked`, and `unknown-journal` when it has none open.
    """
    now_ms = ctx.now_ms()
    async with ctx.store.write() as conn:
        device = await _locked(conn, device_id)
        known = await places.journals_of(conn, device.office_id, device_id)
        place = next((each for each in known if each.state == "open"), None)
        await offices.locked(conn, device.office_id)
        each = await desk.find(conn, device.office_id, device.desk_id)
        if place is None or each.state != "open":
            raise Refusal("unknown-journal", device10(device_id))
        await conn.execute(journal.update().where(place.row).values(released_ms=now_ms))
        said = Saying("journal.released", body_of({"journal": place.journal_id.hex()}))
        await desk.append(conn, [(each, [desk.write(said, now_ms)])], now_ms)
        device = await _believe(conn, device, note, now_ms)
        await _fold(conn, ctx, device, now_ms)


async def _locked(conn: AsyncConnection, device_id: bytes) -> Device:
    device = await devices.find(conn, device_id, locked=True)
    if device is None:
        raise Refusal("sender-unknown")
    if device.state == "revoked":
        raise Refusal("device-revoked")
    return device


async def _said(conn: AsyncConnection, device: Device) -> tuple[Owner, Head]:
    """Return the journal and head in the newest current message of a device, as it says."""
    row = (
        await conn.execute(
            select(
                device_table.c.said_journal, device_table.c.said_seq, device_table.c.said_hash
            ).where(device.row)
        )
    ).one()
    if row.said_journal is None:
        raise Refusal("unknown-journal", device10(device.device_id))
    owner = Owner(device.office_id, device.device_id, row.said_journal)
    return owner, Head(row.said_seq, row.said_hash)


async def _begun(
    conn: AsyncConnection, owner: Owner, events: Sequence[ChainedEvent], now_ms: int
) -> Place:
    """Open the journal of a branch that grows from hash(0)."""
    if not events or events[0].seq != 1:
        raise Refusal("unknown-journal", owner.journal_id.hex())
    return await places.open_journal(
        conn, owner.office_id, owner.device_id, owner.journal_id, now_ms
    )


async def _only_branch(
    conn: AsyncConnection, owner: Owner, place: Place, before: int
) -> list[ChainedEvent]:
    """Return the one branch, ending before a number, that leads on from a journal's head.

    The device says it is at that number, and has not sent all. Empty: no branch does, or several:
    then it shows by itself which is its own, when it sends again from the held head.
    """
    branches = [
        await aside.branch(conn, owner, end.hash)
        for end in await aside.heads(conn, owner)
        if place.head.seq < end.seq < before
    ]
    found = [each for each in branches if aside.leads_on(place, aside.behind(place, each))]
    return found[0] if len(found) == 1 else []


async def _only_open(conn: AsyncConnection, place: Place) -> None:
    same = (journal.c.office_id == place.office_id) & (journal.c.device_id == place.device_id)
    await conn.execute(
        journal.update().where(same, journal.c.state == "open").values(state="closed")
    )
    await conn.execute(journal.update().where(place.row).values(state="open"))


async def _append(
    conn: AsyncConnection, place: Place, events: Sequence[ChainedEvent], now_ms: int
) -> None:
    for first in range(0, len(events), BATCH_EVENTS):
        judged = judge_all(events[first : first + BATCH_EVENTS])
        known = await arrival.known(conn, place)
        await ingest.append(conn, place, judged, known, now_ms, projected=False)


async def _fold(conn: AsyncConnection, ctx: ServerContext, device: Device, now_ms: int) -> None:
    """Project what a device sent, beside what its desk journals say of the same dossiers.

    Left to a later message if the desk journal is not whole, and to approval if it waits for that.
    """
    if device.state != "active":
        return
    each = await desk.find(conn, device.office_id, device.desk_id)
    if each.state == "open":
        await desk_refolded.fold(conn, ctx, device, now_ms)


async def _believe(conn: AsyncConnection, device: Device, note: str, now_ms: int) -> Device:
    """Let the device work: its next box is its own, and its restores are counted anew.

    Returns it with its state as it is then.
    """
    values = {"box": None, "restored_ms": None, "doubted_ms": None}
    state: State = "active" if device.state == "quarantined" else device.state
    await conn.execute(device_table.update().where(device.row).values(state=state, **values))
    kinds = (*ENDED, "device-restored", incidents.BOX_CHANGED)
    own = (incident.c.office_id == device.office_id, incident.c.device_id == device.device_id)
    await conn.execute(
        incident.update()
        .where(*own, incident.c.kind.in_(kinds), incident.c.settled_ms.is_(None))
        .values(settled_ms=now_ms, note=note)
    )
    return msgspec.structs.replace(device, state=state)
