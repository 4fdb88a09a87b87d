"""Rare messages: redacted events, journals out of place, limits, a database that is away."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from server.context import ServerContext
from server.enrolment import approve, revoke
from server.rates import SOURCES_MAX, Rates, TooOften
from server.store.tables import device as device_table
from server.store.tables import event, report
from tests.server.province import Device, FakeClock, Seen, new_device
from wire.block import Gone, pack, unpack
from wire.chain import event_digest, genesis
from wire.codec import compress
from wire.plaintext import Fetch


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    return await new_device(ctx)


async def kept(ctx: ServerContext) -> list[bytes | None]:
    async with ctx.store.read() as conn:
        query = sa.select(event.c.event).order_by(event.c.journal_no, event.c.seq)
        return list((await conn.execute(query)).scalars())


async def test_redacted_events_keep_their_place(
    ctx: ServerContext, device: Device, seen: Seen
) -> None:
    for _ in range(3):
        device.note()
    digest = event_digest(device.events[1])
    gone = Gone(2, digest, "2026-10-01", "visit.checked_in", "")
    block = pack(1, device.place(0).hash, [device.events[0], device.events[2]], gone=[gone])
    down = await device.send(device.up(events=block))
    assert (down.verdict, down.receipt, down.problems) == ("ok", device.head, ())
    assert await kept(ctx) == [device.events[0], None, device.events[2]]
    assert [item.seq for item in seen.events] == [1, 3]
    back = await device.sync(4, fetch=Fetch(device.device_id, device.journal, 1))
    assert back.history is not None
    assert back.history.events.gone == (gone,)
    assert unpack(back.history.events)[-1].hash == device.head.hash


async def test_redacted_events_of_a_pending_device_wait_too(ctx: ServerContext, seen: Seen) -> None:
    device = await new_device(ctx, automatic=False)
    device.note()
    gone = Gone(1, event_digest(device.events[0]), "2026-10-01", "visit.checked_in", "")
    await device.send(device.up(events=pack(1, device.place(0).hash, [], gone=[gone])))
    await approve(ctx, device.device_id)
    assert seen.events == []


@pytest.mark.parametrize("state", ["pending", "revoked"])
async def test_who_is_not_trusted_gets_nothing_back(
    ctx: ServerContext, device: Device, state: str
) -> None:
    device.note()
    await device.sync()
    if state == "revoked":
        await revoke(ctx, device.device_id)
    else:
        async with ctx.store.write() as conn:
            await conn.execute(device_table.update().values(state=state))
    down = await device.sync(2, fetch=Fetch(device.device_id, device.journal, 1))
    assert down.history is None
    assert [found.code for found in down.problems] == ["not-yours"]


async def test_beyond_the_head_there_is_nothing_to_fetch(device: Device) -> None:
    device.note()
    for first in (0, 2):
        down = await device.sync(fetch=Fetch(device.device_id, device.journal, first))
        assert (down.verdict, down.history) == ("ok", None)
    unknown = await device.sync(fetch=Fetch(device.device_id, b"?" * 16, 1))
    assert unknown.history is None


async def test_a_quarantined_device_is_heard_and_kept_aside(
    ctx: ServerContext, device: Device
) -> None:
    async with ctx.store.write() as conn:
        await conn.execute(device_table.update().values(state="quarantined"))
    device.note()
    down = await device.sync()
    assert (down.verdict, down.receipt) == ("quarantined", device.head)
    device.journal, device.heads = b"\x09" * 16, []
    down = await device.sync(1, 0, head=genesis(device.device_id, device.journal))
    assert down.verdict == "quarantined"
    assert await kept(ctx) == []


def opened(after: object) -> bytes:
    """Return the first event of a successor."""
    event_ = b'{"kind":"journal.opened","at":"2026-11-21T08:31:05+07:00","actor":"x","body":'
    return event_ + msgspec.json.encode({"after": after, "why": "fork"}) + b"}"


@pytest.mark.parametrize(
    ("seq", "right_hash", "verdict"),
    [(1, True, "ok"), (5, True, "unknown-journal"), (1, False, "quarantined")],
)
async def test_a_successor_must_name_a_place_that_is_held(
    ctx: ServerContext, device: Device, seq: int, right_hash: bool, verdict: str
) -> None:
    device.note()
    await device.sync()
    hash_ = device.head.hash if right_hash else bytes(32)
    former = device.journal
    device.journal, device.events, device.heads = b"\x09" * 16, [], []
    device.write(opened([former.hex(), seq, hash_.hex()]))
    down = await device.sync()
    assert down.verdict == verdict
    assert len(await kept(ctx)) == (2 if verdict == "ok" else 1)


@pytest.mark.parametrize("first", [opened("nowhere"), b"[]"])
async def test_a_journal_that_names_no_place_is_quarantined(device: Device, first: bytes) -> None:
    device.note()
    await device.sync()
    device.journal, device.events, device.heads = b"\x09" * 16, [], []
    device.write(first)
    assert (await device.sync()).verdict == "quarantined"


async def test_new_events_for_a_closed_journal_are_quarantined_and_old_ones_are_not(
    device: Device,
) -> None:
    device.note()
    await device.sync()
    old = device.journal, list(device.events), list(device.heads)
    device.journal, device.events, device.heads = b"\x09" * 16, [], []
    device.write(opened([old[0].hex(), 1, old[2][0].hash.hex()]))
    assert (await device.sync()).verdict == "ok"
    device.journal, device.events, device.heads = old
    late = await device.sync()
    assert (late.verdict, late.receipt) == ("ok", device.head)
    device.note()
    assert (await device.sync(2)).verdict == "quarantined"


async def test_a_boot_that_is_no_name_stays_uncertain(device: Device, seen: Seen) -> None:
    device.note(clock="suspect", boot="zz", mono=1)
    await device.sync(clock="suspect")
    assert seen.events[0].clock == "uncertain"


async def test_a_database_away_in_a_projection_takes_nothing_in(
    ctx: ServerContext, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_args: object) -> list[object]:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    device.note()
    with monkeypatch.context() as patched:
        patched.setattr(Seen, "__call__", away)
        with pytest.raises(OperationalError):
            await device.sync()
    assert await kept(ctx) == []
    assert (await device.sync()).receipt == device.head


@pytest.mark.parametrize(
    "changed",
    [{"delivered_seq": 99}, {"generated_at": "soon"}, {"days_digest": None}, {"journal": "00"}],
)
async def test_a_report_that_cannot_be_compared_asks_for_nothing(
    ctx: ServerContext, device: Device, changed: dict[str, object]
) -> None:
    facts = {
        "journal": device.journal.hex(),
        "agent": "0.1.0",
        "generated_at": "2026-11-21T08:00:00+07:00",
        "delivered_seq": 0,
        "days_digest": "00" * 32,
    } | changed
    down = await device.sync(report=compress(json.dumps(facts).encode(), 1, 3))
    assert (down.verdict, down.want_days) == ("ok", False)
    async with ctx.store.read() as conn:
        rows = (await conn.execute(sa.select(report))).all()
    assert len(rows) == (0 if "journal" in changed else 1)


async def test_a_moved_province_says_so_and_still_receives(
    ctx: ServerContext, device: Device
) -> None:
    keys = type(ctx.keys)(ctx.keys.signing, ctx.keys.sealing, ctx.keys.turn, b"", b"the next one")

    device.ctx = replace(ctx, keys=keys)
    device.note()
    down = await device.sync()
    assert (down.verdict, down.statement) == ("moved", b"the next one")
    assert down.receipt == device.head


def test_the_longest_silent_source_is_forgotten_first(clock: FakeClock) -> None:
    rates = Rates(burst=1, per_s=0.001)
    for number in range(SOURCES_MAX + 1):
        rates.take(number.to_bytes(4), clock.ms)
    rates.take((0).to_bytes(4), clock.ms)
    with pytest.raises(TooOften):
        rates.take(SOURCES_MAX.to_bytes(4), clock.ms)
