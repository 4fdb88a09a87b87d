"""What belongs to one branch of a journal is not told of, or to, another."""

from __future__ import annotations

from sqlalchemy import select

from server.context import ServerContext
from server.publishing import publish
from server.store.tables import report as report_table
from tests.server.province import Device
from tests.server.restored_province import assigned
from tests.server.test_aside import branch, successor
from tests.server.test_desk import said
from tests.server.test_named_problems import POISON
from tests.server.test_reconcile import report
from tests.server.test_settling import device, isolate
from wire.plaintext import Fetch

__all__ = ["device"]


async def test_the_message_that_isolates_a_device_is_told_of_no_person(
    ctx: ServerContext, device: Device
) -> None:
    first = successor(device, 1)
    first.turn = (await first.sync()).turn
    await publish(ctx, [device.office], [assigned()])
    forked = branch(first, 1, notes=2)
    assert (await forked.sync()).verdict == "quarantined"
    assert said(forked, "dossier.assigned") == []


async def test_the_message_that_isolates_a_device_fetches_nothing(
    ctx: ServerContext, device: Device
) -> None:
    first = successor(device, 1)
    first.turn = (await first.sync()).turn
    wanted = Fetch(device.device_id, device.journal, 1)
    down = await branch(first, 1, notes=2).sync(fetch=wanted)
    assert (down.verdict, down.history) == ("quarantined", None)
    assert [found.code for found in down.problems] == ["not-yours"]


async def test_a_fork_is_named_the_problems_of_what_both_have(device: Device) -> None:
    device.write(POISON)
    device.write(POISON)
    await device.sync()
    down = await branch(device, 2, notes=2).sync()
    assert (down.verdict, [found.seq for found in down.problems]) == ("fork", [2])


async def test_a_device_in_quarantine_is_named_no_problems_of_another_branch(
    ctx: ServerContext, device: Device
) -> None:
    device.write(POISON)
    await device.sync()
    await isolate(ctx, device)
    down = await branch(device, 1, notes=2).sync()
    assert (down.verdict, down.problems) == ("quarantined", ())


async def test_the_report_of_a_device_in_quarantine_does_not_stand_over_the_office_s(
    ctx: ServerContext, device: Device
) -> None:
    own = report(device, 0)
    await device.sync(report=own)
    async with ctx.store.read() as conn:
        before = (await conn.execute(select(report_table))).all()
    await isolate(ctx, device)
    device.note()
    down = await device.sync(report=report(device, 1))
    async with ctx.store.read() as conn:
        assert (await conn.execute(select(report_table))).all() == before
    assert (down.verdict, down.want_days) == ("quarantined", False)
