"""A province put back to an older state takes back what offices hold, and gives nothing twice."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import msgspec
import sqlalchemy as sa

from server import enrolment, rebuilding
from server.exchange import exchange
from server.publishing import publish
from server.store.projection_tables import dossier as dossier_table
from tests.server.holdings import incidents
from tests.server.province import FakeClock, new_device
from tests.server.restored_province import (
    CODE,
    DAY_MS,
    Province,
    assert_whole,
    assigned,
    dossiers,
    forward,
    only_dossier,
    progressed,
    province,
)
from tests.server.test_desk import NOTICE, said
from wire.block import Gone, pack
from wire.chain import event_digest

__all__ = ["province"]  # a fixture


async def test_what_the_office_sent_after_the_copy_comes_again(province: Province) -> None:
    device = await new_device(province.ctx)
    device.note()
    await device.sync()
    province.copy()
    for _ in range(3):
        device.note()
        await device.sync()
    await province.put_back(device)
    down = await device.settle()
    assert down.receipt == device.head
    await assert_whole(province, device)


async def test_desk_events_lost_come_back_and_a_new_desk_follows(province: Province) -> None:
    device = await new_device(province.ctx)
    former = device.record
    province.copy()
    await publish(province.ctx, None, [("notice.published", NOTICE)])
    await device.sync()
    at = device.desk_head
    await province.put_back(device)
    await device.settle()
    assert device.record is not None
    assert former is not None
    assert device.record.desk != former.desk
    assert device.record.serial == former.serial + 1
    (opened,) = said(device, "desk.opened")
    assert opened == {"after": [former.desk.hex(), at.seq, at.hash.hex()], "why": "restored"}
    assert len(said(device, "notice.published")) == 2, "the notice stands again"
    await assert_whole(province, device)


async def test_a_notice_that_no_receipt_covers_is_kept_and_stands_for_nobody(
    province: Province,
) -> None:
    device = await new_device(province.ctx)
    province.copy()
    await publish(province.ctx, None, [("notice.published", NOTICE)])
    await device.sync()
    device.proof = None
    await province.put_back(device)
    await device.settle()
    assert len(said(device, "notice.published")) == 1
    await assert_whole(province, device)


async def test_what_was_published_since_the_restore_stands_over_what_comes_back(
    province: Province, clock: FakeClock
) -> None:
    device = await new_device(province.ctx)
    province.copy()
    await publish(province.ctx, None, [("office.profile", b'{"phone":"1"}')])
    await device.sync()
    await province.put_back(device)
    clock.ms += DAY_MS
    await publish(province.ctx, None, [("office.profile", b'{"phone":"2"}')])
    await device.settle()
    assert [one["phone"] for one in said(device, "office.profile")] == ["1", "2"]


async def test_events_whose_bytes_are_gone_cannot_be_given_back(province: Province) -> None:
    device = await new_device(province.ctx)
    province.copy()
    await publish(province.ctx, None, [("notice.published", NOTICE)])
    await device.sync()
    await province.put_back(device)
    down = await device.sync()
    down = await device.send(device.up(turn=down.turn, was=device.turn))
    back = device.back(down)
    first = back["returned"].first
    gone = Gone(first, event_digest(device.copy.events[-1]), "2026-11-21", "x", "")
    empty = pack(first, back["returned"].prev, [], gone=[gone])
    again = await device.sync(returned=empty)
    assert again.desk_lost == down.desk_lost


async def test_numbers_lent_after_the_copy_are_never_lent_again(
    province: Province, clock: FakeClock
) -> None:
    device = await new_device(province.ctx)
    province.copy()
    clock.ms += 20 * DAY_MS
    await device.sync()
    before = said(device, "numbers.leased")
    assert len(before) == 2
    await province.put_back(device)
    await device.settle()
    assert said(device, "numbers.leased") == before
    clock.ms += 20 * DAY_MS
    await device.sync()
    days = sorted(
        (str(one["first_day"]), str(one["last_day"])) for one in said(device, "numbers.leased")
    )
    assert len(days) == 3
    assert all(one[1] < other[0] for one, other in pairwise(days))


async def test_no_number_is_lent_before_the_desk_is_whole(
    province: Province, clock: FakeClock
) -> None:
    device = await new_device(province.ctx)
    other = await new_device(province.ctx, seed=9)
    province.copy()
    await publish(province.ctx, None, [("notice.published", NOTICE)])
    await device.sync()
    await other.sync()
    clock.ms += 20 * DAY_MS
    await province.put_back(device, other)
    lent = len(said(device, "numbers.leased"))
    down = await device.sync()
    down = await device.send(device.up(turn=down.turn, was=device.turn))
    assert down.desk_lost
    await other.settle()
    assert len(said(other, "numbers.leased")) == 1, "not while one of the office is lost"
    assert len(said(device, "numbers.leased")) == lent
    await device.settle()
    await other.sync()
    assert len(said(device, "numbers.leased")) == lent + 1
    assert len(said(other, "numbers.leased")) == 2


async def test_dossiers_assigned_after_the_copy_are_folded_as_before(province: Province) -> None:
    device = await new_device(province.ctx)
    province.copy()
    await publish(province.ctx, [device.office], [assigned()])
    await device.sync()
    dossier = await only_dossier(province.ctx)
    forward(device, dossier)
    await device.sync()
    await publish(province.ctx, [device.office], [progressed(dossier, "resolved")])
    await device.sync()
    before = await dossiers(province.ctx)
    await province.put_back(device)
    assert await dossiers(province.ctx) == []
    await device.settle()
    stands = [(row[0], row[1]) for row in before]
    assert [(row[0], row[1]) for row in await dossiers(province.ctx)] == stands
    assert "numbers-twice" not in await incidents(province.ctx)
    await rebuilding.rebuild(province.ctx)
    assert [(row[0], row[1]) for row in await dossiers(province.ctx)] == stands
    await assert_whole(province, device)


async def test_what_was_said_since_the_restore_is_said_anew(province: Province) -> None:
    device = await new_device(province.ctx)
    province.copy()
    await publish(province.ctx, [device.office], [assigned()])
    await device.sync()
    await province.put_back(device)
    other = "H26.107-261121-5002"
    await publish(province.ctx, [device.office], [assigned(other)])
    await publish(province.ctx, [device.office], [progressed(other, "resolved")])
    await device.settle()
    codes = [one["code"] for one in said(device, "dossier.assigned")]
    assert codes == [CODE, other]
    (told,) = said(device, "dossier.progressed")
    async with province.ctx.store.read() as conn:
        rows = {row.code: row.dossier_id for row in await conn.execute(sa.select(dossier_table))}
    assert set(rows) == {CODE, other}
    assert rows[other].hex() == str(told["dossier"]).replace("-", "")
    before = await dossiers(province.ctx)
    await rebuilding.rebuild(province.ctx)
    assert await dossiers(province.ctx) == before
    await assert_whole(province, device)


async def test_a_new_desk_that_was_forgotten_is_given_back_with_the_one_before(
    province: Province,
) -> None:
    device = await new_device(province.ctx)
    province.copy("first")
    await publish(province.ctx, None, [("notice.published", NOTICE)])
    await device.sync()
    province.copy("second")
    await province.put_back(device, name="first")
    await device.settle()
    await publish(province.ctx, None, [("notice.published", NOTICE)])
    await device.sync()
    await province.put_back(device, name="second", told=True)
    await device.settle()
    await province.put_back(device, name="first", told=True)
    await device.settle()
    assert len(device.desks) == 4
    await assert_whole(province, device)


async def test_given_back_piece_by_piece(province: Province) -> None:
    device = await new_device(province.ctx)
    province.copy()
    for _ in range(5):
        await publish(province.ctx, None, [("notice.published", NOTICE)])
        await device.sync()
    await province.put_back(device)
    down = await device.sync()
    assert down.stale, "its turn is not known here"
    down = await device.send(device.up(turn=down.turn, was=device.turn))
    rungs = []
    while down.desk_lost:
        rungs.append(down.desk_lost[0].seq)
        down = await device.sync(**device.back(down, most=2))
    assert [rung - rungs[0] for rung in rungs] == [0, 2, 4]
    assert down.device is not None
    await assert_whole(province, device)


async def test_a_stale_message_may_give_back_too(province: Province) -> None:
    device = await new_device(province.ctx)
    province.copy()
    await publish(province.ctx, None, [("notice.published", NOTICE)])
    await device.sync()
    await province.put_back(device)
    known = replace(device.desks[device.up().desk])
    stale = await device.sync(desk=device.up().desk)
    assert (stale.stale, stale.desk_lost) == (True, ())
    lost = msgspec.structs.replace(stale, desk_lost=(known.heads[-2],))
    again = await device.sync(**device.back(lost))
    assert again.stale
    await device.settle()
    await assert_whole(province, device)


async def test_events_that_do_not_lead_on_are_not_kept(province: Province) -> None:
    device = await new_device(province.ctx)
    province.copy()
    await publish(province.ctx, None, [("notice.published", NOTICE)])
    await device.sync()
    await province.put_back(device)
    down = await device.sync()
    down = await device.send(device.up(turn=down.turn, was=device.turn))
    back = device.back(down)
    block = back["returned"]
    forged = msgspec.structs.replace(block, prev=b"\x01" * 32)
    again = await device.sync(returned=forged)
    assert again.desk_lost == down.desk_lost
    await device.settle()
    await assert_whole(province, device)


async def test_an_enrolment_that_was_lost_is_taken_in_and_gives_its_numbers_back(
    province: Province, clock: FakeClock
) -> None:
    first = await new_device(province.ctx, seed=9)
    await first.sync()
    province.copy()
    device = await new_device(province.ctx)
    device.note()
    await device.sync()
    lent = said(device, "numbers.leased")
    await province.put_back(device, first)
    request = device.seal(device.up(), record=device.record_cose)
    down = device.open(await exchange(request, province.ctx), request)
    device.learn(down)
    assert down.pending
    down = await device.settle()
    assert down.pending
    await enrolment.approve(province.ctx, device.device_id)
    await device.sync()
    assert said(device, "numbers.leased") == lent
    clock.ms += 20 * DAY_MS
    await device.sync()
    await first.settle()
    await first.sync()
    taken = {
        (one["first_day"], one["from"])
        for owner in (device, first)
        for one in said(owner, "numbers.leased")
    }
    assert len(taken) == len(said(device, "numbers.leased")) + len(said(first, "numbers.leased"))
