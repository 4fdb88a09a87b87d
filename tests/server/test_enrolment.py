"""Enrolment: one ticket, one device, and everything else refused and shown."""

from __future__ import annotations

from hashlib import sha256
from random import Random

import pytest
import sqlalchemy as sa

from server.context import ServerContext
from server.enrolment import enrol, issue_ticket, revoke
from server.exchange import exchange
from server.offices import add_office
from server.publishing import publish
from server.rates import TooOften
from server.store.access_tables import ticket
from server.store.tables import incident, journal
from tests.server.province import (
    Device,
    FakeClock,
    Seen,
    new_device,
    use_ticket,
)
from wire import enrolment
from wire.chain import genesis
from wire.event import decode
from wire.keys import SealingKey, SigningKey
from wire.problems import Refusal


@pytest.fixture
async def office_id(ctx: ServerContext) -> bytes:
    return await add_office(ctx, "H26.107", "Xã Ứng Hòa")


def request_of(
    ctx: ServerContext, paper: bytes, seed: int, journal: bytes | None = None
) -> tuple[bytes, bytes]:
    """Return ticket id and enrolment request of a device with keys (and journal) from `seed`."""
    rng = Random(seed)
    keys = enrolment.DeviceKeys(
        SigningKey.from_seed(rng.randbytes(32)), SealingKey.from_seed(rng.randbytes(32))
    )
    checked = enrolment.check_ticket(paper, ctx.keys.province, ctx.now_ms())
    request = enrolment.build_request(
        checked, keys, box=bytes(24), journal=journal or rng.randbytes(16), name="máy"
    )
    return checked.ticket.ticket_id, request


async def test_the_first_answer_brings_what_the_office_needs(ctx: ServerContext) -> None:
    await add_office(ctx, "H26.107", "Xã Ứng Hòa")
    await publish(ctx, None, [("calendar.set", b'{"days":{"2026-11-24":"off"}}')])
    device = await new_device(ctx)
    kinds = [decode(raw).kind for raw in device.desk_events]
    assert kinds == ["calendar.set", "numbers.leased"]
    down = await device.sync()
    assert (down.verdict, down.stale, down.events) == ("ok", False, None)
    assert down.receipt == genesis(device.device_id, device.journal)


async def test_only_the_hash_of_the_secret_is_kept(ctx: ServerContext, office_id: bytes) -> None:
    paper = await issue_ticket(ctx, office_id)
    checked = enrolment.check_ticket(paper, ctx.keys.province, ctx.now_ms())
    async with ctx.store.read() as conn:
        row = (await conn.execute(sa.select(ticket))).one()
    assert row.secret_hash == sha256(checked.ticket.secret).digest()
    assert checked.ticket.secret not in tuple(row)


async def test_the_same_request_again_is_the_same_device_for_ever(
    ctx: ServerContext, office_id: bytes, clock: FakeClock
) -> None:
    paper = await issue_ticket(ctx, office_id, automatic=True)
    ticket_id, request = request_of(ctx, paper, 5)
    first = await use_ticket(ctx, paper, seed=5)
    clock.ms += 400 * 86_400_000
    again = await enrol(ctx, ticket_id, request, "127.0.0.1")
    down = first.open(again, request)
    assert down.device == first.record_cose


async def test_other_keys_on_a_used_ticket_are_refused_and_shown(
    ctx: ServerContext, office_id: bytes
) -> None:
    paper = await issue_ticket(ctx, office_id)
    ticket_id, request = request_of(ctx, paper, 6)
    await use_ticket(ctx, paper, seed=5)
    for _ in range(2):
        with pytest.raises(Refusal, match="ticket-used") as refused:
            await enrol(ctx, ticket_id, request, "127.0.0.1")
    async with ctx.store.read() as conn:
        row = (await conn.execute(sa.select(incident))).one()
    assert row.kind == "ticket-used"
    assert len(row.detail.split(", ")) == 2
    assert refused.value.detail.en == row.detail


async def test_the_same_keys_with_another_journal_are_shown_and_not_answered(
    ctx: ServerContext, office_id: bytes
) -> None:
    paper = await issue_ticket(ctx, office_id)
    ticket_id, request = request_of(ctx, paper, 5)
    await enrol(ctx, ticket_id, request, "127.0.0.1")
    _, other = request_of(ctx, paper, 5, journal=b"\x07" * 16)
    with pytest.raises(Refusal, match="ticket-used"):
        await enrol(ctx, ticket_id, other, "127.0.0.1")
    async with ctx.store.read() as conn:
        row = (await conn.execute(sa.select(incident))).one()
        journals = (await conn.execute(sa.select(journal.c.journal_id))).scalars().all()
    assert row.kind == "ticket-used"
    first, second = row.detail.split(", ")
    assert first.split()[0] == second.split()[0]
    assert [first.split()[1], second.split()[1]] == [journals[0].hex(), "07" * 16]
    assert len(journals) == 1
    await enrol(ctx, ticket_id, request, "127.0.0.1")


async def test_an_expired_ticket_is_refused(
    ctx: ServerContext, office_id: bytes, clock: FakeClock
) -> None:
    paper = await issue_ticket(ctx, office_id, valid_s=60)
    ticket_id, request = request_of(ctx, paper, 5)
    clock.ms += 60_000
    with pytest.raises(Refusal, match="ticket-expired"):
        await enrol(ctx, ticket_id, request, "127.0.0.1")


async def test_an_unknown_ticket_is_refused_before_anything_is_opened(ctx: ServerContext) -> None:
    with pytest.raises(Refusal, match="ticket-unknown"):
        await enrol(ctx, bytes(8), b"not even a message", "127.0.0.1")


async def test_a_ticket_that_differs_inside_and_outside_is_refused(
    ctx: ServerContext, office_id: bytes
) -> None:
    one, other = await issue_ticket(ctx, office_id), await issue_ticket(ctx, office_id)
    ticket_id, _ = request_of(ctx, one, 5)
    _, request = request_of(ctx, other, 5)
    with pytest.raises(Refusal, match="message-malformed"):
        await enrol(ctx, ticket_id, request, "127.0.0.1")


async def test_a_ticket_may_be_tried_five_times_a_minute(
    ctx: ServerContext, office_id: bytes, clock: FakeClock
) -> None:
    paper = await issue_ticket(ctx, office_id)
    ticket_id, request = request_of(ctx, paper, 5)
    for _ in range(5):
        await enrol(ctx, ticket_id, request, "127.0.0.1")
    with pytest.raises(TooOften) as refused:
        await enrol(ctx, ticket_id, request, "127.0.0.1")
    assert refused.value.retry_after_s == 12
    clock.ms += 12_000
    await enrol(ctx, ticket_id, request, "127.0.0.1")


async def test_an_address_may_try_sixty_times_a_minute(ctx: ServerContext) -> None:
    for number in range(60):
        with pytest.raises(Refusal, match="ticket-unknown"):
            await enrol(ctx, number.to_bytes(8), b"", "192.0.2.1")
    with pytest.raises(TooOften):
        await enrol(ctx, bytes(8), b"", "192.0.2.1")
    with pytest.raises(Refusal, match="ticket-unknown"):
        await enrol(ctx, bytes(8), b"", "192.0.2.2")


async def test_a_forgotten_device_proves_itself_and_waits_for_a_person(
    ctx: ServerContext, seen: Seen, clock: FakeClock, tmp_path: object
) -> None:
    device = await new_device(ctx)
    device.note()
    await device.sync()
    async with ctx.store.write() as conn:  # a restored province from before the enrolment
        for name in ("device", "journal", "event", "feed", "desk_journal", "desk_event"):
            await conn.exec_driver_sql(f"DELETE FROM {name}")
    with pytest.raises(Refusal, match="sender-unknown"):
        await device.sync()
    request = device.seal(device.up(), record=device.record_cose)
    down = device.open(await exchange(request, ctx), request)
    assert (down.verdict, down.pending, down.receipt) == ("ok", True, device.head)
    assert [head.seq for head in down.desk_lost] == [0]
    assert len(seen.events) == 1


async def test_a_revoked_device_does_not_come_back_with_its_record(ctx: ServerContext) -> None:

    device = await new_device(ctx)
    await revoke(ctx, device.device_id)
    async with ctx.store.write() as conn:
        await conn.exec_driver_sql("DELETE FROM device")
    with pytest.raises(Refusal, match="sender-unknown"):
        await exchange(device.seal(device.up(), record=device.record_cose), ctx)


async def test_a_record_of_somebody_else_proves_nothing(ctx: ServerContext) -> None:
    device = await new_device(ctx)
    stranger = Device(
        ctx, SigningKey.from_seed(b"x" * 32), device.sealing, device.journal, record=device.record
    )
    with pytest.raises(Refusal, match="sender-unknown"):
        await exchange(stranger.seal(stranger.up(), record=device.record_cose), ctx)
