"""Sessions of short messages, on both databases (docs/protocol.md section 4.2)."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field, replace
from hashlib import sha256

import pytest
from sqlalchemy import func, select

from server import sessions
from server.config import Config
from server.context import ServerContext
from server.enrolment import revoke
from server.exchange import exchange
from server.store.tables import journal, session
from tests.server.holdings import held
from tests.server.province import Device, FakeClock, Seen, new_device, open_province
from wire import short_plaintext, statements
from wire.limits import SESSION_REQUESTS_MAX, SESSION_S_MAX
from wire.plaintext import Down, Up
from wire.problems import Refusal
from wire.short import SessionKeys, parse_short
from wire.short_plaintext import Standing
from wire.statements import HeadStatement


@dataclass
class Talk:
    """A device in the middle of a session."""

    device: Device
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    @property
    def keys(self) -> SessionKeys:
        return SessionKeys(self.secret)

    def seal(self, up: Up, keys: SessionKeys | None = None) -> bytes:
        text = short_plaintext.encode_short_up(up)
        iv = secrets.token_bytes(12)
        return (keys or self.keys).seal_up(text, device_id=self.device.device_id, iv=iv)

    def open(self, answer: bytes, request: bytes) -> Down:
        device, hashed = self.device, sha256(request).digest()
        assert device.record is not None
        text = self.keys.open_down(
            parse_short(answer), device_id=device.device_id, request_hash=hashed
        )
        standing = Standing(device.office, device.journal, device.record.desk, device.boot)
        return short_plaintext.decode_short_down(text, standing, hashed)

    async def begin(self) -> Down:
        return await self.device.sync(session=self.secret)

    async def sync(self, first: int = 1, last: int | None = None, **members: object) -> Down:
        up = self.device.up(first, last, box=None, **members)
        request = self.seal(up)
        down = self.open(await exchange(request, self.device.ctx), request)
        self.device.learn(down)
        return down

    async def refused(self) -> str:
        with pytest.raises(Refusal) as refusal:
            await self.sync()
        return refusal.value.code


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    return await new_device(ctx)


@pytest.fixture
def talk(device: Device) -> Talk:
    return Talk(device)


async def count(ctx: ServerContext) -> int:
    async with ctx.store.read() as conn:
        return (await conn.execute(select(func.count()).select_from(session))).scalar_one()


async def test_after_a_full_message_short_ones_do_the_same_work(
    ctx: ServerContext, device: Device, talk: Talk, seen: Seen
) -> None:
    device.note()
    assert (await talk.begin()).session == "ok"
    for _ in range(3):
        device.note()
        seq = len(device.events)
        down = await talk.sync(seq, seq)
        assert (down.verdict, down.receipt, down.stale) == ("ok", device.head, False)
        assert down.statement is None
        assert down.session is None
    assert await held(ctx) == device.events
    assert [item.seq for item in seen.events] == [1, 2, 3, 4]


async def test_a_short_answer_proves_when_it_is_asked_to(device: Device, talk: Talk) -> None:
    await talk.begin()
    device.note()
    assert (await talk.sync(prove=True)).statement is not None


async def test_a_short_message_repeated_changes_nothing(
    ctx: ServerContext, device: Device, talk: Talk
) -> None:
    await talk.begin()
    device.note()
    request = talk.seal(device.up(box=None))
    first = talk.open(await exchange(request, ctx), request)
    again = talk.open(await exchange(request, ctx), request)
    assert (again.turn, again.receipt) == (first.turn, first.receipt)
    assert await held(ctx) == device.events


async def test_a_revoked_device_is_told_so_before_anything_is_opened(
    ctx: ServerContext, device: Device, talk: Talk
) -> None:
    await talk.begin()
    request = bytearray(talk.seal(device.up(box=None)))
    request[-1] ^= 1
    with pytest.raises(Refusal, match="message-malformed"):
        await exchange(bytes(request), ctx)
    await revoke(ctx, device.device_id)
    with pytest.raises(Refusal, match="session-unknown"):
        await exchange(bytes(request), ctx)


async def test_a_message_without_an_offer_opens_none(ctx: ServerContext, device: Device) -> None:
    assert (await device.sync()).session is None
    assert await count(ctx) == 0


async def test_an_unknown_session_is_named(ctx: ServerContext, talk: Talk) -> None:
    assert await talk.refused() == "session-unknown"
    assert await count(ctx) == 0


async def test_a_session_ends_after_a_day(talk: Talk, clock: FakeClock) -> None:
    await talk.begin()
    clock.ms += SESSION_S_MAX * 1_000 - 1
    await talk.sync()
    clock.ms += 1
    assert await talk.refused() == "session-unknown"


async def test_a_session_ends_after_a_thousand_requests(ctx: ServerContext, talk: Talk) -> None:
    await talk.begin()
    async with ctx.store.write() as conn:
        await conn.execute(session.update().values(requests=SESSION_REQUESTS_MAX - 1))
    await talk.sync()
    assert await talk.refused() == "session-unknown"


async def test_a_new_session_of_a_journal_ends_the_former(
    ctx: ServerContext, device: Device, talk: Talk
) -> None:
    await talk.begin()
    newer = Talk(device)
    await newer.begin()
    assert await count(ctx) == 1
    await newer.sync()
    assert await talk.refused() == "session-unknown"


async def test_revocation_ends_a_session(ctx: ServerContext, device: Device, talk: Talk) -> None:
    await talk.begin()
    await revoke(ctx, device.device_id)
    assert await talk.refused() == "session-unknown"


async def test_a_stale_message_opens_no_session(
    ctx: ServerContext, device: Device, talk: Talk
) -> None:
    for _ in range(3):
        await device.sync()
    late = replace(device, turn=bytes(8))
    down = await Talk(late, talk.secret).begin()
    assert (down.stale, down.session) == (True, None)
    assert await count(ctx) == 0


async def test_a_gap_opens_no_session(ctx: ServerContext, device: Device, talk: Talk) -> None:
    for _ in range(4):
        device.note()
    await device.sync(1, 1)
    down = await device.sync(3, 4, session=talk.secret)
    assert (down.verdict, down.session) == ("gap", None)
    assert await count(ctx) == 0


async def test_nobody_takes_the_name_of_anothers_session(ctx: ServerContext, talk: Talk) -> None:
    await talk.begin()
    other = Talk(await new_device(ctx, seed=9, code="H26.108"), talk.secret)
    assert (await other.begin()).session is None
    await talk.sync()


async def test_what_is_stored_opens_only_with_the_key_outside_the_database(
    ctx: ServerContext, talk: Talk
) -> None:
    await talk.begin()
    async with ctx.store.read() as conn:
        stored = (await conn.execute(select(session))).one()
        assert talk.secret not in stored.secret
        other = replace(ctx.keys, turn=bytes(32))
        with pytest.raises(Refusal, match="session-unknown"):
            await sessions.find(conn, talk.keys.kid, other, ctx.now_ms())


async def test_changed_bytes_and_anothers_key_are_refused_and_count_nothing(
    ctx: ServerContext, device: Device, talk: Talk
) -> None:
    await talk.begin()
    device.note()
    request = talk.seal(device.up(box=None))
    forged = request[:-1] + bytes([request[-1] ^ 1])
    for wrong in (forged, request[:-1], request[:20]):
        with pytest.raises(Refusal, match="message-malformed"):
            await exchange(wrong, ctx)
    async with ctx.store.read() as conn:
        assert (await conn.execute(select(session.c.requests))).scalar_one() == 0
    assert await held(ctx) == []


async def test_two_short_messages_at_once_are_one_after_the_other(
    ctx: ServerContext, device: Device, talk: Talk
) -> None:
    await talk.begin()
    for _ in range(6):
        device.note()
    requests = [talk.seal(device.up(1, last, box=None)) for last in (6, 3, 6, 5)]
    answers = await asyncio.gather(*(exchange(request, ctx) for request in requests))
    opened = [talk.open(a, r) for a, r in zip(answers, requests, strict=True)]
    assert {down.verdict for down in opened} == {"ok"}
    assert await held(ctx) == device.events
    async with ctx.store.read() as conn:
        assert (await conn.execute(select(session.c.requests))).scalar_one() == 4


async def test_another_process_serves_the_session(
    ctx: ServerContext, config: Config, clock: FakeClock, seen: Seen, device: Device, talk: Talk
) -> None:
    # Nothing of a session is in memory: a context of its own knows it from the database.
    await talk.begin()
    device.note()
    other = await open_province(config, clock, seen)
    try:
        request = talk.seal(device.up(box=None))
        down = talk.open(await exchange(request, other), request)
    finally:
        await other.store.close()
    assert down.receipt == device.head


async def test_a_head_signed_in_a_short_message_is_kept_too(
    ctx: ServerContext, device: Device, talk: Talk
) -> None:
    await talk.begin()
    device.note()
    head = HeadStatement(device.journal, *device.head)
    statement = statements.sign(head, device.signing)
    assert (await talk.sync(statement=statement)).problems == ()
    async with ctx.store.read() as conn:
        kept = (await conn.execute(select(journal.c.head_statement))).scalar_one()
    assert kept == statement
