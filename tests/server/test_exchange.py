"""The exchange as a story: what arrives once is there once, whatever the line does."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from records import synthetic_journal
from server.context import ServerContext
from server.exchange import exchange
from server.store.positions import read_feed
from server.store.tables import incident
from tests.server.holdings import held, incidents
from tests.server.province import NOW_MS, Device, FakeClock, Seen, new_device
from wire import statements
from wire.chain import Head, genesis
from wire.keys import VerifyKey
from wire.statements import Receipt


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
