"""A province put back to an older state takes back what offices hold, and gives nothing twice."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa

from server import checking, copying, desk, desk_dossiers, enrolment, rebuilding, restoring
from server.config import Config
from server.context import ServerContext
from server.exchange import exchange
from server.projections import project
from server.publishing import publish
from server.sayings import Refused
from server.store import tables
from server.store.projection_tables import dossier as dossier_table
from tests.server.holdings import held, incidents
from tests.server.province import Device, FakeClock, make_config, new_device, open_province
from tests.server.test_desk import NOTICE, said
from wire.block import Gone, pack
from wire.chain import event_digest, extend
from wire.event import Event, body_of, encode, format_time
from wire.keys import device10

DAY_MS = 86_400_000
CODE = "H26.107-261121-5001"


class Province:
    """A province whose database can be copied and put back; its keys and files stay."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        self.config: Config = make_config(folder)
        self.clock, self.copies = clock, folder / "copies"
        self.copies.mkdir()
        self.ctx: ServerContext

    async def start(self) -> ServerContext:
        """Open what stands on the disk."""
        self.ctx = await open_province(self.config, self.clock, project)
        return self.ctx

    def copy(self, name: str = "copy") -> None:
        """Copy the database as an operator does."""
        copying.backup(self.config, self.copies / name)

    async def put_back(self, *devices: Device, name: str = "copy", told: bool = False) -> None:
        """Put the copy in the place of the database; the devices go on with what they have.

        `told`: an operator says so; else nobody does.
        """
        await self.ctx.store.close()
        database = self.config.data_dir / "province.db"
        for file in self.config.data_dir.glob("province.db*"):
            file.unlink()
        database.write_bytes((self.copies / name).read_bytes())
        await self.start()
        if told:
            await restoring.restore(self.ctx, lambda _done, _of: None, again=True)
        for device in devices:
            device.ctx = self.ctx


@pytest.fixture
async def province(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Province]:
    found = Province(tmp_path, clock)
    await found.start()
    yield found
    await found.ctx.store.close()


async def assert_whole(province: Province, device: Device) -> None:
    """Both sides hold the same office journal and the same desk journal, each chain sound."""
    assert await held(province.ctx) == device.events
    checked = await checking.verify(province.ctx)
    assert checked.ok, checked.damaged
    async with province.ctx.store.read() as conn:
        rows = (await conn.execute(sa.select(tables.journal))).all()
        desks = {row.desk_id: row for row in await conn.execute(sa.select(tables.desk_journal))}
    assert [row.projected_seq for row in rows] == [row.head_seq for row in rows]
    assert device.record is not None
    for desk_id, copy in device.desks.items():
        assert (desks[desk_id].head_seq, desks[desk_id].head_hash) == copy.heads[-1]
        assert desks[desk_id].state == ("open" if desk_id == device.record.desk else "closed")


async def dossiers(ctx: ServerContext) -> list[tuple[bytes, bytes, bytes]]:
    """Return every dossier as it stands, with its story."""
    async with ctx.store.read() as conn:
        names = (dossier_table.c.dossier_id, dossier_table.c.stand, dossier_table.c.history)
        return [tuple(r) for r in await conn.execute(sa.select(*names).order_by(names[0]))]


def assigned(code: str = CODE) -> tuple[str, bytes]:
    """A dossier the province hands to an office."""
    body = {
        "procedure_code": "1.001193",
        "channel": "online",
        "return_channel": "direct",
        "applicant": {"full_name": "Trần Thị Bình"},
        "code": code,
        "due_at": "2026-11-25T17:00:00+07:00",
    }
    return "dossier.assigned", json.dumps(body, ensure_ascii=False).encode()


def progressed(dossier: str, state: str = "forwarded") -> tuple[str, bytes]:
    return "dossier.progressed", json.dumps({"dossier": dossier, "state": state}).encode()


def forward(device: Device, dossier: str) -> None:
    """Record that a dossier the province assigned went on."""
    body = body_of({"to": "Phòng Tư pháp", "holder": "office"})
    event = Event(
        kind="dossier.forwarded",
        subject=dossier,
        at=format_time(device.now),
        actor="lan.nt",
        body=body,
    )
    device.write(encode(event))


async def only_dossier(ctx: ServerContext) -> str:
    ((dossier_id, _, _),) = await dossiers(ctx)
    return str(UUID(bytes=dossier_id))


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


async def test_restored_shuts_every_desk_and_blames_no_device(
    province: Province, clock: FakeClock
) -> None:
    devices = [await new_device(province.ctx, seed=seed) for seed in (2, 3)]
    for device in devices:
        await device.sync()
    province.copy()
    for _ in range(3):
        for device in devices:
            device.note()
            await device.sync()
        clock.ms += DAY_MS
        await province.put_back(*devices, told=True)
        for device in devices:
            await device.settle()
            assert said(device, "desk.opened")
    assert await incidents(province.ctx) == []


async def test_restored_twice_is_once(province: Province) -> None:
    device = await new_device(province.ctx)
    told: list[tuple[int, int]] = []

    def tell(done: int, of: int) -> None:
        told.append((done, of))

    first = await restoring.restore(province.ctx, tell)
    assert (first.offices, first.devices, told) == (1, 1, [(1, 1)])
    await device.settle()
    record = device.record
    second = await restoring.restore(province.ctx, tell)
    assert (second.already, second.offices) == (province.clock.ms, 0)
    await device.settle()
    assert device.record == record


async def test_restored_cut_off_goes_on_and_leaves_new_desks_open(
    province: Province, clock: FakeClock
) -> None:
    device = await new_device(province.ctx)
    other = await new_device(province.ctx, seed=3, code="H26.108")

    def cut(done: int, _of: int) -> None:
        if done == 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await restoring.restore(province.ctx, cut)
    assert await restoring.is_copy(province.ctx)
    clock.ms += 1
    await device.settle()
    await other.settle()
    done = await restoring.restore(province.ctx, lambda _done, _of: None)
    assert (done.offices, done.already) == (2, None)
    assert not await restoring.is_copy(province.ctx)
    for each in (device, other):
        await each.settle()
        assert len(said(each, "desk.opened")) == 1


async def test_the_other_devices_of_an_office_hear_of_a_revocation(province: Province) -> None:
    device = await new_device(province.ctx)
    other = await new_device(province.ctx, seed=9)
    stranger = await new_device(province.ctx, seed=10, code="H26.108")
    await enrolment.revoke(province.ctx, device.device_id)
    for each in (other, stranger):
        await each.sync()
    assert said(other, "device.revoked") == [{"device": device10(device.device_id)}]
    assert said(stranger, "device.revoked") == []


async def test_a_copy_that_says_it_is_one_is_gone_through_at_the_start(
    province: Province,
) -> None:
    device = await new_device(province.ctx)
    assert await restoring.at_start(province.ctx) is None
    province.copy()
    await province.put_back(device)
    done = await restoring.at_start(province.ctx)
    assert done is not None
    assert (done.offices, done.devices) == (1, 1)
    assert await restoring.at_start(province.ctx) is None


async def test_a_range_no_province_lends_is_not_taken(province: Province) -> None:
    """A device that writes itself a range of a million serials only keeps its own chain busy."""
    device = await new_device(province.ctx)
    lent = said(device, "numbers.leased")[0]
    far = {**lent, "from": 2_001, "to": 900_000_000}
    for body in (far, {**lent, "from": 5_001, "to": 5_999}, {"journal": "x"}):
        raw = desk.write(desk.Saying("numbers.leased", body_of(body)), province.clock.ms)
        device.desk_head = extend(device.desk_head, raw)
        device.copy.events.append(raw)
        device.copy.heads.append(device.desk_head)
    await device.settle()
    async with province.ctx.store.read() as conn:
        rows = await conn.execute(sa.select(tables.lease.c.serial_from))
    assert sorted(rows.scalars()) == [1, 5_001]


async def test_two_devices_with_one_range_are_shown(province: Province, clock: FakeClock) -> None:
    """Lent once before the copy was put back silently, and once after: a person has to know."""
    device = await new_device(province.ctx)
    other = await new_device(province.ctx, seed=9)
    province.copy()
    clock.ms += 20 * DAY_MS
    await device.sync()
    await province.put_back(device, other)
    async with province.ctx.store.write() as conn:  # as if another had been lent the same since
        taken = said(device, "numbers.leased")[1]
        await conn.execute(
            tables.lease.insert().values(
                office_id=device.office,
                prefix=str(taken["prefix"]),
                first_day=str(taken["first_day"]),
                serial_from=taken["from"],
                serial_to=taken["to"],
                width=4,
                last_day=str(taken["last_day"]),
                journal_id=other.journal,
                device_id=other.device_id,
                volume=2,
            )
        )
    await device.settle()
    assert "numbers-twice" in await incidents(province.ctx)


async def test_who_was_revoked_after_the_copy_is_revoked_again(province: Province) -> None:
    device = await new_device(province.ctx)
    province.copy()
    statement = await enrolment.revoke(province.ctx, device.device_id)
    await province.put_back(device, told=True)
    down = await device.sync()
    assert (down.verdict, down.statement) == ("revoked", statement)


async def test_who_was_revoked_after_the_copy_is_believed_no_more_when_nobody_told(
    province: Province,
) -> None:
    device = await new_device(province.ctx)
    province.copy()
    statement = await enrolment.revoke(province.ctx, device.device_id)
    await province.put_back(device)
    await restoring.strike(province.ctx)
    down = await device.sync()
    assert (down.verdict, down.statement) == ("revoked", statement)


@pytest.mark.parametrize("seed", range(6))
async def test_any_restore_point_ends_whole(
    province: Province, clock: FakeClock, seed: int
) -> None:
    """Copies and restores at random places of a random story; both sides end equal."""
    rng = Random(seed)
    device = await new_device(province.ctx)
    copies = []
    count = 5_000
    silent = False

    async def story() -> None:
        nonlocal count
        for _ in range(rng.randrange(1, 5)):
            count += 1
            what = rng.randrange(5)
            if what == 0:
                device.note()
            elif what == 1:
                await publish(province.ctx, None, [("notice.published", NOTICE)])
            elif what == 2:
                item = assigned(f"H26.107-261121-{count}")
                with suppress(Refused):  # no device works while its desk is shut
                    await publish(province.ctx, [device.office], [item])
            elif what == 3:
                clock.ms += 9 * DAY_MS
            elif rng.random() < 0.7:
                await device.settle()

    for round_ in range(8):
        await story()
        if rng.random() < 0.6:
            name = f"copy-{round_}"
            province.copy(name)
            copies.append(name)
            await story()
        if copies and rng.random() < 0.6:
            told = silent or rng.random() < 0.7  # a second silent one within 30 days is a clone
            await province.put_back(device, name=rng.choice(copies), told=told)
            silent = silent or not told
    await device.settle()
    await assert_whole(province, device)
    codes = [one["code"] for one in said(device, "dossier.assigned")]
    assert len(set(codes)) == len(codes)
    leases = [
        (one["first_day"], one["last_day"], one["from"]) for one in said(device, "numbers.leased")
    ]
    assert len(set(leases)) == len(leases)
    before = await dossiers(province.ctx)
    assert {row[0] for row in before} == set(await _told_ids(province.ctx, device))
    await rebuilding.rebuild(province.ctx)
    assert [row[:2] for row in await dossiers(province.ctx)] == [row[:2] for row in before]


async def _told_ids(ctx: ServerContext, device: Device) -> list[bytes]:
    async with ctx.store.read() as conn:
        return [one.dossier_id for one in await desk_dossiers.told_of(conn, device.office)]
