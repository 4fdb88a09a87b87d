"""The exchange as a story: what arrives once is there once, whatever the line does."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from records import synthetic_journal
from server.context import ServerContext
from server.enrolment import approve, revoke
from server.exchange import exchange
from server.store.positions import read_feed
from server.store.tables import event, incident, journal, problem, report
from tests.server.province import NOW_MS, Device, FakeClock, Seen, new_device
from wire import statements
from wire.block import unpack
from wire.chain import Head, genesis
from wire.codec import compress
from wire.digests import DayTally, day_kind_channel, days_digest, encode_days, event_mark
from wire.keys import VerifyKey
from wire.plaintext import Fetch
from wire.problems import Refusal
from wire.statements import Receipt, Revoked


async def held(ctx: ServerContext) -> list[bytes]:
    """Return the bytes of every event the province holds, in order."""
    async with ctx.store.read() as conn:
        query = sa.select(event.c.event).order_by(event.c.journal_no, event.c.seq)
        return list((await conn.execute(query)).scalars())


async def incidents(ctx: ServerContext) -> list[str]:
    async with ctx.store.read() as conn:
        return list((await conn.execute(sa.select(incident.c.kind))).scalars())


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    return await new_device(ctx)


async def test_a_realistic_batch_arrives_as_it_was_written(
    ctx: ServerContext, device: Device, seen: Seen
) -> None:
    for raw in synthetic_journal.events(1, 300):
        device.write(raw)
    down = await device.sync()
    assert (down.verdict, down.receipt, down.problems) == ("ok", device.head, ())
    assert await held(ctx) == device.events
    assert [item.raw for item in seen.events] == device.events
    assert all(item.body is not None for item in seen.events)
    async with ctx.store.read() as conn:
        feed = await read_feed(conn, 0, 1_000)
    assert [(row.position, row.event) for row in feed] == list(enumerate(device.events, start=1))


async def test_the_receipt_is_signed_for_an_outsider(ctx: ServerContext, device: Device) -> None:
    device.note()
    down = await device.sync()
    assert down.statement is not None
    receipt = statements.verify(down.statement, Receipt, VerifyKey(ctx.keys.signing.public))
    assert (receipt.device_id, receipt.journal) == (device.device_id, device.journal)
    assert Head(receipt.seq, receipt.hash) == device.head
    assert receipt.time_ms == NOW_MS


async def test_a_repeated_message_changes_nothing_and_gets_the_same_turn(
    ctx: ServerContext, device: Device, seen: Seen
) -> None:
    device.note()
    request = device.seal(device.up())
    first = device.open(await exchange(request, ctx), request)
    again = device.open(await exchange(request, ctx), request)
    assert again == msgspec.structs.replace(first, next_after=again.next_after)
    assert len(seen.events) == 1
    assert await incidents(ctx) == []


async def test_a_lost_reply_costs_nothing(ctx: ServerContext, device: Device) -> None:
    device.note()
    await exchange(device.seal(device.up()), ctx)  # the answer never arrives
    device.note()
    down = await device.sync()
    assert (down.verdict, down.receipt, down.stale) == ("ok", device.head, False)
    assert await held(ctx) == device.events


async def test_messages_in_any_order_give_the_same_state(
    ctx: ServerContext, device: Device, seen: Seen
) -> None:
    for _ in range(30):
        device.note()
    parts = [device.seal(device.up(first, first + 4)) for first in range(1, 30, 5)]
    rng = Random(5)
    for _ in range(8):
        rng.shuffle(parts)
        for request in parts:
            await exchange(request, ctx)
    assert await held(ctx) == device.events
    assert [item.seq for item in seen.events] == list(range(1, 31))
    assert await incidents(ctx) == []


async def test_two_requests_at_once_are_one_after_the_other(
    ctx: ServerContext, device: Device, seen: Seen
) -> None:
    for _ in range(20):
        device.note()
    requests = [device.seal(device.up(1, last)) for last in (20, 15, 20, 10)]
    answers = await asyncio.gather(*(exchange(request, ctx) for request in requests))
    opened = [device.open(a, r) for a, r in zip(answers, requests, strict=True)]
    assert {down.verdict for down in opened} == {"ok"}
    assert max(down.receipt.seq for down in opened) == 20
    assert await held(ctx) == device.events
    assert [item.seq for item in seen.events] == list(range(1, 21))


async def test_a_hole_is_a_gap(ctx: ServerContext, device: Device) -> None:
    for _ in range(6):
        device.note()
    await device.sync(1, 2)
    down = await device.sync(5, 6)
    assert (down.verdict, down.have, down.receipt) == ("gap", 2, device.place(2))
    assert down.next_after == 1
    assert await held(ctx) == device.events[:2]


async def test_first_contact_from_the_middle_is_an_unknown_journal(device: Device) -> None:
    for _ in range(4):
        device.note()
    down = await device.sync(3, 4)
    start = genesis(device.device_id, device.journal)
    assert (down.verdict, down.receipt) == ("unknown-journal", start)


async def test_a_head_that_is_behind_says_nothing(ctx: ServerContext, device: Device) -> None:
    for _ in range(3):
        device.note()
    late = device.up(1, 2, head=device.place(2))
    await device.sync()
    down = await device.send(msgspec.structs.replace(late, turn=device.turn))
    assert (down.verdict, down.receipt) == ("ok", device.head)
    assert await incidents(ctx) == []


async def test_another_hash_at_the_same_number_is_a_fork(
    ctx: ServerContext, device: Device
) -> None:
    for _ in range(12):
        device.note()
    await device.sync()
    whole, device.events, device.heads = device.events, device.events[:7], device.heads[:7]
    rungs = [device.place(7)]
    for _ in range(8):
        device.note("Người trực khác")
    down = await device.sync(5)
    assert (down.verdict, down.have) == ("fork", 7)
    assert [head.seq for head in down.ladder] == [12, 11, 10, 8, 4, 1]
    assert down.ladder[4] == device.place(4)
    assert down.receipt.seq == 12
    assert rungs == [device.place(7)]
    again = await device.sync(9)
    assert (again.verdict, again.have) == ("fork", None)
    assert await held(ctx) == whole
    assert await incidents(ctx) == ["fork"]


async def test_a_head_that_differs_without_events_is_a_fork(device: Device) -> None:
    device.note()
    await device.sync()
    device.events, device.heads = [], []
    device.note("Khác")
    down = await device.sync(2)
    assert (down.verdict, down.have, down.events) == ("fork", None, None)


POISON = [
    (b'{"kind":"\xff"}', "not-utf8"),
    (b"{not json", "not-json"),
    (b'{"kind": "x"}', "event-malformed"),
    (b'{"kind":"a","kind":"b","at":"2026-11-21T08:31:05+07:00","actor":"x","body":{}}', None),
    (b'{"kind":"dossier.received","at":"2026-11-21T08:31:05+07:00","actor":"x","body":{}}', None),
    (b'{"kind":"office.noted","at":"yesterday","actor":"x","body":{}}', None),
    (b'{"kind":"a.b","subject":99,"at":"2026-11-21T08:31:05+07:00","actor":"x","body":{}}', None),
    (
        b'{"kind":"a.b","subject":"no-id","at":"2026-11-21T08:31:05+07:00","actor":"x","body":{}}',
        None,
    ),
    (b'{"kind":"' + b"k" * 5_000 + b'","at":"2026-11-21","actor":"x","body":{}}', None),
    (b"[]", None),
    (b"null", None),
]


@pytest.mark.parametrize("number", range(len(POISON)))
async def test_poison_is_kept_receipted_named_and_not_projected(
    ctx: ServerContext, device: Device, seen: Seen, number: int
) -> None:
    raw, code = POISON[number]
    device.note()
    device.write(raw)
    device.note()
    request = device.seal(device.up())
    for _ in range(2):  # the second time the reply to the first was lost
        down = device.open(await exchange(request, ctx), request)
        assert (down.verdict, down.receipt) == ("ok", device.head)
        assert [found.seq for found in down.problems] == [2]
        assert code is None or down.problems[0].code == code
    assert await held(ctx) == device.events
    assert [item.seq for item in seen.events] == [1, 3]


async def test_an_unknown_kind_is_no_poison(device: Device, seen: Seen) -> None:
    device.write(
        b'{"kind":"later.invented","at":"2026-11-21T08:31:05+07:00","actor":"x","body":{"a":1}}'
    )
    down = await device.sync()
    assert (down.verdict, down.problems) == ("ok", ())
    assert (seen.events[0].kind, seen.events[0].body) == ("later.invented", None)


async def test_a_projection_that_fails_is_a_problem_of_its_events(
    ctx: ServerContext, device: Device, monkeypatch: pytest.MonkeyPatch, seen: Seen
) -> None:
    async def broken(conn: AsyncConnection, *_rest: object) -> list[object]:
        await conn.execute(
            incident.insert().values(
                office_id=b"x" * 16, incident_id=b"y" * 16, kind="half", detail="", at_ms=1
            )
        )
        raise KeyError("no such dossier")

    monkeypatch.setattr(Seen, "__call__", lambda _self, conn, *rest: broken(conn, *rest))
    device.note()
    down = await device.sync()
    assert (down.verdict, down.receipt) == ("ok", device.head)
    assert [(found.seq, found.code) for found in down.problems] == [(1, "projection-failed")]
    assert await incidents(ctx) == []  # what the projection had written is undone


async def test_subjects_become_ids(device: Device, seen: Seen) -> None:
    device.note()
    await device.sync()
    device.note(subject=1)
    device.note(subject=2)
    device.note(subject=str(seen.events[0].id))
    await device.sync(2)
    first, second = seen.events[0], seen.events[1]
    assert first.subject == first.id
    assert [item.subject for item in seen.events[1:]] == [first.id, second.id, first.id]


async def test_times_are_corrected_once_the_boot_is_known(
    device: Device, seen: Seen, clock: FakeClock
) -> None:
    boot = b"\x01" * 8
    members: dict[str, Any] = {"clock": "unsynced", "boot": boot.hex(), "mono": 5}
    device.now = 0
    device.note(**members)
    device.now = NOW_MS
    device.note(**members)
    device.note()
    await device.sync(clock="trusted", boot=boot)
    assert [item.clock for item in seen.events] == ["uncertain", "uncertain", "ok"]
    device.now = 0
    device.note(**members)
    clock.ms += 60_000
    await device.sync(4, clock="unsynced", boot=boot, now=60_000)
    assert (seen.events[3].clock, seen.events[3].occurred_ms) == ("corrected", NOW_MS)
    assert seen.events[3].at == "1970-01-01T07:00:00+07:00"


async def test_a_stale_message_is_stored_and_otherwise_ignored(
    ctx: ServerContext, device: Device
) -> None:
    device.note()
    old = device.turn
    await device.sync()
    await device.sync(2)
    device.note()
    memory = device.turn
    down = await device.send(device.up(2, turn=b"\x07" * 8, box=b"\x01" * 24, report=b"junk"))
    assert (down.stale, down.receipt, down.events) == (True, device.head, None)
    assert down.statement is not None
    assert await incidents(ctx) == []
    down = await device.send(device.up(3, turn=down.turn, was=old))
    assert not down.stale
    assert await incidents(ctx) == ["device-restored"]
    assert memory != device.turn


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
    assert [found.code for found in down.problems] == ["ticket-other-office"]


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
