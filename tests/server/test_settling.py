"""A person's way out of quarantine: accept, release, or revoke."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import select

from server import devices, enrolment, quarantine, settling
from server.context import ServerContext
from server.store.tables import aside_event
from server.store.tables import device as device_table
from server.store.tables import event as event_table
from server.store.tables import journal as journal_table
from tests.server.holdings import incidents
from tests.server.province import Device, FakeClock, Seen, new_device
from tests.server.test_aside import branch, kept, successor
from tests.server.test_desk import said
from tests.server.test_incidents import open_incidents
from wire.problems import Refusal


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    made = await new_device(ctx)
    made.note()
    await made.sync()
    return made


async def isolate(ctx: ServerContext, device: Device) -> None:
    async with ctx.store.write() as conn:
        found = await devices.find(conn, device.device_id, locked=True)
        assert found is not None
        await quarantine.begin(conn, found, "former-box", device.journal, ctx.now_ms())


async def test_what_leads_on_becomes_part_of_the_journal_once_a_person_accepts(
    ctx: ServerContext, device: Device, seen: Seen
) -> None:
    await isolate(ctx, device)
    device.note()
    device.note()
    assert (await device.sync(2)).verdict == "quarantined"
    (row,) = await listed(ctx)
    assert (row.state, row.events, row.heads) == ("quarantined", 2, (3,))
    assert len(seen.events) == 1, "nothing of it was projected"
    assert await settling.accept(ctx, device.device_id, "đúng máy") == 2
    assert [event.seq for event in seen.events] == [1, 2, 3]
    assert (await listed(ctx), await open_incidents(ctx)) == ([], [])
    device.note()
    down = await device.sync(4)
    assert (down.verdict, down.receipt) == ("ok", device.head)


async def listed(ctx: ServerContext) -> list[settling.Listed]:
    async with ctx.store.read() as conn:
        return await settling.listed(conn)


async def test_a_device_that_said_nothing_new_is_just_believed_again(
    ctx: ServerContext, device: Device
) -> None:
    await isolate(ctx, device)
    assert [row.events for row in await listed(ctx)] == [0]
    assert await settling.accept(ctx, device.device_id, "xem") == 0
    assert (await device.sync()).verdict == "ok"


async def test_a_branch_that_leads_on_from_nothing_is_not_accepted_but_released(
    ctx: ServerContext, device: Device
) -> None:
    first = successor(device, 1)
    first.turn = (await first.sync()).turn
    forked = branch(first, 1, notes=2)
    assert (await forked.sync()).verdict == "quarantined"
    with pytest.raises(Refusal, match="fork"):
        await settling.accept(ctx, device.device_id, "xem")
    await settling.release(ctx, device.device_id, "khôi phục hai lần")
    down = await forked.sync()
    assert (down.verdict, down.have) == ("fork", 1)
    (released,) = said(forked, "journal.released")
    assert released == {"journal": forked.journal.hex()}
    second = successor(forked, 1, b"\x07")
    assert (await second.sync()).verdict == "ok"
    assert (await successor(second, 1, b"\x06").sync()).verdict == "quarantined", "once"


async def test_a_device_restored_to_before_its_succession_may_be_accepted_where_it_is(
    ctx: ServerContext, device: Device
) -> None:
    assert (await successor(device, 1).sync()).verdict == "ok"
    device.note()
    device.turn = (await device.sync(2)).turn
    assert (await device.sync(2)).verdict == "quarantined"
    assert await settling.accept(ctx, device.device_id, "khôi phục") == 1
    device.note()
    assert (await device.sync()).verdict == "ok"
    assert len(await kept(ctx)) == 5


async def test_an_unknown_journal_is_opened_when_a_person_accepts_it(
    ctx: ServerContext, device: Device
) -> None:
    device.journal, device.events, device.heads = b"\x05" * 16, [], []
    device.note("máy cài lại")
    assert (await device.sync()).verdict == "quarantined"
    assert await settling.accept(ctx, device.device_id, "cài lại") == 1
    assert (await device.sync()).verdict == "ok"


async def test_who_never_spoke_or_is_unknown_or_revoked_is_refused(
    ctx: ServerContext, clock: FakeClock
) -> None:
    silent = await new_device(ctx)
    with pytest.raises(Refusal, match="unknown-journal"):
        await settling.accept(ctx, silent.device_id, "xem")
    with pytest.raises(Refusal, match="sender-unknown"):
        await settling.release(ctx, bytes(32), "xem")
    silent.journal = b"\x05" * 16
    assert (await silent.sync()).verdict in {"ok", "quarantined"}
    with pytest.raises(Refusal, match="unknown-journal"):
        await settling.accept(ctx, silent.device_id, "xem")
    await enrolment.revoke(ctx, silent.device_id)
    with pytest.raises(Refusal, match="device-revoked"):
        await settling.accept(ctx, silent.device_id, "xem")


async def test_without_an_open_journal_nothing_is_released(
    ctx: ServerContext, device: Device
) -> None:
    async with ctx.store.write() as conn:
        await conn.execute(journal_table.update().values(state="closed"))
    with pytest.raises(Refusal, match="unknown-journal"):
        await settling.release(ctx, device.device_id, "xem")


async def test_a_pending_device_is_left_waiting(ctx: ServerContext) -> None:
    waiting = await new_device(ctx, automatic=False)
    async with ctx.store.write() as conn:
        found = await devices.find(conn, waiting.device_id, locked=True)
        assert found is not None
        after = await quarantine.begin(conn, found, "former-box", waiting.journal, 1)
    assert (after.state, await incidents(ctx)) == ("pending", [])
    waiting.note()
    await waiting.sync()
    await settling.accept(ctx, waiting.device_id, "xem")
    async with ctx.store.read() as conn:
        state = (await conn.execute(select(device_table.c.state))).scalar_one()
        rows = (await conn.execute(select(event_table.c.seq))).all()
        lying = (await conn.execute(select(aside_event.c.seq))).all()
    assert (state, len(rows), lying) == ("pending", 1, [])
    assert msgspec.to_builtins(await listed(ctx)) == []
