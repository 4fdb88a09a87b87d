"""The exchange and who speaks: pending, revoked, restored, reporting, strangers."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
import sqlalchemy as sa

from records import synthetic_journal
from server.context import ServerContext
from server.enrolment import approve, revoke
from server.exchange import exchange
from server.store.positions import read_feed
from server.store.tables import journal, problem, report
from tests.server.holdings import held, incidents
from tests.server.province import Device, FakeClock, Seen, new_device
from wire import statements
from wire.block import unpack
from wire.chain import genesis
from wire.codec import compress
from wire.digests import DayTally, day_kind_channel, days_digest, encode_days, event_mark
from wire.keys import VerifyKey
from wire.plaintext import Fetch
from wire.problems import Refusal
from wire.statements import Revoked


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    return await new_device(ctx)


async def test_more_to_send_is_asked_for_at_once_and_idle_is_spread(device: Device) -> None:
    for _ in range(4):
        device.note()
    assert (await device.sync(1, 2)).next_after == 1
    idle = {(await device.sync(3)).next_after for _ in range(5)}
    assert min(idle) >= 1_800
    assert len(idle) > 1


async def test_a_pending_device_is_receipted_and_projected_once_approved(
    ctx: ServerContext, seen: Seen
) -> None:
    device = await new_device(ctx, automatic=False)
    for raw in synthetic_journal.events(3, 5):
        device.write(raw)
    device.write(b"[]")
    down = await device.sync()
    assert (down.pending, down.receipt, seen.events) == (True, device.head, [])
    async with ctx.store.read() as conn:
        assert await read_feed(conn, 0, 100) == []
    assert not any(b"numbers.leased" in raw for raw in device.desk_events)
    await approve(ctx, device.device_id)
    await approve(ctx, device.device_id)
    assert [item.seq for item in seen.events] == [1, 2, 3, 4, 5]
    down = await device.sync(7)
    assert not down.pending
    assert any(b"numbers.leased" in raw for raw in device.desk_events)
    async with ctx.store.read() as conn:
        assert [row.seq for row in await read_feed(conn, 0, 100)] == [1, 2, 3, 4, 5, 6]
        assert [row.seq for row in await read_feed(conn, 2, 2)] == [3, 4]


async def test_a_revoked_device_hears_so_and_stores_nothing(
    ctx: ServerContext, device: Device
) -> None:
    device.note()
    await device.sync()
    statement = await revoke(ctx, device.device_id)
    assert await revoke(ctx, device.device_id) == statement
    device.note()
    down = await device.sync()
    assert (down.verdict, down.receipt, down.statement) == ("revoked", device.place(1), statement)
    revoked = statements.verify(statement, Revoked, VerifyKey(ctx.keys.signing.public))
    assert revoked.device_id == device.device_id
    assert await held(ctx) == device.events[:1]


async def test_own_events_are_given_back(ctx: ServerContext, device: Device) -> None:
    for raw in synthetic_journal.events(4, 40):
        device.write(raw)
    await device.sync()
    down = await device.sync(41, fetch=Fetch(device.device_id, device.journal, 11))
    assert down.history is not None
    assert [item.event for item in unpack(down.history.events)] == device.events[10:40]
    for _ in range(40):
        device.note(Random(len(device.events)).randbytes(100).hex())
    await device.sync(41)
    few = await device.sync(81, fetch=Fetch(device.device_id, device.journal, 1), budget=4_096)
    assert few.history is not None
    given = [item.event for item in unpack(few.history.events)]
    assert given == device.events[: len(given)]
    assert 0 < len(given) < 80


async def test_other_peoples_events_are_not(ctx: ServerContext, device: Device) -> None:
    other = await new_device(ctx, seed=9, code="H26.108")
    other.note()
    await other.sync()
    down = await device.sync(fetch=Fetch(other.device_id, other.journal, 1))
    assert down.history is None
    assert [found.code for found in down.problems] == ["not-yours"]


async def test_another_office_in_the_message_is_a_problem_not_a_refusal(device: Device) -> None:
    device.note()
    down = await device.sync(office=b"\x05" * 16)
    assert (down.verdict, down.receipt) == ("ok", device.head)
    assert [found.code for found in down.problems] == ["office-differs"]


async def test_a_second_journal_of_a_device_is_quarantined(
    ctx: ServerContext, device: Device
) -> None:
    device.note()
    await device.sync()
    down = await device.sync(
        1, 0, journal=b"\x09" * 16, head=genesis(device.device_id, b"\x09" * 16)
    )
    assert (down.verdict, down.receipt.seq) == ("quarantined", 0)
    assert await incidents(ctx) == ["quarantined"]


async def test_a_successor_that_names_its_place_is_opened(
    ctx: ServerContext, device: Device
) -> None:
    device.note()
    await device.sync()
    former, place = device.journal, device.head
    device.journal, device.events, device.heads = b"\x09" * 16, [], []
    body = {"after": [former.hex(), place.seq, place.hash.hex()], "why": "fork"}
    raw = (
        b'{"kind":"journal.opened","at":"2026-11-21T08:31:05+07:00","actor":"device:agent","body":'
    )
    device.write(raw + msgspec.json.encode(body) + b"}")
    down = await device.sync()
    assert (down.verdict, down.receipt) == ("ok", device.head)
    async with ctx.store.read() as conn:
        states = (
            await conn.execute(sa.select(journal.c.state).order_by(journal.c.journal_no))
        ).scalars()
        assert list(states) == ["closed", "open"]


async def test_a_report_is_kept_and_its_days_are_asked_for_when_they_differ(
    ctx: ServerContext, device: Device
) -> None:
    for raw in synthetic_journal.events(6, 20):
        device.write(raw)
    await device.sync()
    tally = DayTally()
    for seq, raw in enumerate(device.events[:15], start=1):
        mark = event_mark(device.device_id, device.journal, seq, device.place(seq).hash)
        tally.add(*day_kind_channel(raw), mark)
    rows = tally.rows()
    last_day = max(row.day for row in rows)
    facts = {
        "journal": device.journal.hex(),
        "agent": "0.1.0",
        "generated_at": f"{last_day}T08:00:00+07:00",
        "delivered_seq": 15,
        "days_digest": days_digest(rows).hex(),
    }
    down = await device.sync(21, report=compress(msgspec.json.encode(facts), 1, 3))
    assert (down.want_days, down.problems) == (False, ())
    other = facts | {"days_digest": days_digest(rows[:-1]).hex()}
    packed = compress(msgspec.json.encode(other), 1, 3)
    down = await device.sync(21, report=packed)
    assert (down.want_days, down.next_after) == (True, 1)
    down = await device.sync(21, report=packed, days=encode_days(rows[:-1]))
    assert not down.want_days
    async with ctx.store.read() as conn:
        row = (await conn.execute(sa.select(report))).one()
    assert (row.days_equal, row.days) == (False, encode_days(rows[:-1]))


@pytest.mark.parametrize("bad", [b"", b"junk", compress(b"[]", 1, 3), compress(b"{}", 1, 3)])
async def test_a_bad_report_is_a_problem_and_refuses_nothing(device: Device, bad: bytes) -> None:
    device.note()
    down = await device.sync(report=bad, days=b"\xff")
    assert (down.verdict, down.receipt) == ("ok", device.head)
    assert [found.seq for found in down.problems] == [0, 0]


async def test_hardware_that_changed_is_shown_and_gets_no_numbers(
    ctx: ServerContext, device: Device, clock: FakeClock
) -> None:
    device.note()
    device.box = device.box[:16] + b"\x01" * 8
    await device.sync()
    assert await incidents(ctx) == ["part-swapped"]
    device.box = bytes(24)
    clock.ms += 40 * 86_400_000
    before = device.desk_head
    down = await device.sync(2)
    assert (down.verdict, device.desk_head) == ("ok", before)
    assert sorted(await incidents(ctx)) == ["box-changed", "part-swapped"]


async def test_strangers_are_refused_before_they_cost_anything(
    ctx: ServerContext, device: Device
) -> None:
    device.note()
    stranger = await new_device(ctx, seed=11, code="H26.109")
    stranger.signing = type(stranger.signing).from_seed(b"s" * 32)
    with pytest.raises(Refusal, match="sender-unknown"):
        await exchange(stranger.seal(stranger.up()), ctx)
    message = bytearray(device.seal(device.up()))
    with pytest.raises(Refusal, match="message-malformed"):
        await exchange(bytes(message) + b"\x00", ctx)
    message[-1] ^= 1
    with pytest.raises(Refusal, match="signature-wrong"):
        await exchange(bytes(message), ctx)
    assert await held(ctx) == []


async def test_no_flipped_bit_changes_anything(
    ctx: ServerContext, device: Device, seen: Seen
) -> None:
    device.note()
    good = device.seal(device.up())
    rng = Random(3)
    for _ in range(200):
        flipped = bytearray(good)
        bit = rng.randrange(len(good) * 8)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Refusal):
            await exchange(bytes(flipped), ctx)
    assert await held(ctx) == []
    down = await device.sync()
    assert down.verdict == "ok"
    assert len(seen.events) == 1


async def test_an_event_above_the_head_is_refused(ctx: ServerContext, device: Device) -> None:
    device.note()
    device.note()
    with pytest.raises(Refusal, match="message-malformed"):
        await device.sync(1, 2, head=device.place(1))
    assert await held(ctx) == []
    async with ctx.store.read() as conn:
        assert (await conn.execute(sa.select(problem))).all() == []
