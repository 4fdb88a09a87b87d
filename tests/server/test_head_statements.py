"""What a device signed of its own head is checked, kept, and proves who wrote."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from server.checking import Damage, verify
from server.context import ServerContext
from server.store.tables import journal
from tests.server.province import Device, new_device
from wire import statements
from wire.chain import Head
from wire.keys import SigningKey
from wire.plaintext import Down
from wire.statements import HeadStatement


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    device = await new_device(ctx)
    device.note()
    device.note()
    return device


def signed(device: Device, head: Head | None = None, key: SigningKey | None = None) -> bytes:
    statement = HeadStatement(device.journal, *(head or device.head))
    return statements.sign(statement, key or device.signing)


async def kept(ctx: ServerContext) -> bytes | None:
    async with ctx.store.read() as conn:
        found: bytes | None = (await conn.execute(select(journal.c.head_statement))).scalar_one()
        return found


def remarks(down: Down) -> list[tuple[int, str, str]]:
    return [tuple(problem) for problem in down.problems]  # type: ignore[misc]


async def test_the_newest_one_is_kept_and_holds(ctx: ServerContext, device: Device) -> None:
    assert (await verify(ctx)).signed == 0
    for _ in range(2):
        device.note()
        statement = signed(device)
        assert remarks(await device.sync(statement=statement)) == []
        assert await kept(ctx) == statement
    await device.sync()
    assert await kept(ctx) == statement
    found = await verify(ctx)
    assert (found.ok, found.signed) == (True, 1)


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda device: b"no statement", "not-a-statement"),
        (lambda device: signed(device, key=SigningKey.from_seed(bytes(32))), "signature-wrong"),
        (lambda device: signed(device, device.place(1)), "of another head"),
        (lambda device: signed(device, Head(2, bytes(32))), "of another head"),
        (
            lambda device: statements.sign(HeadStatement(bytes(16), *device.head), device.signing),
            "of another head",
        ),
    ],
)
async def test_one_that_does_not_hold_is_a_remark_and_not_kept(
    ctx: ServerContext, device: Device, forge: object, reason: str
) -> None:
    down = await device.sync(statement=forge(device))  # type: ignore[operator]
    assert down.receipt == device.head
    ((seq, code, detail),) = remarks(down)
    assert (seq, code) == (0, "field-invalid")
    assert detail.startswith("statement: ")
    assert reason == "not-a-statement" or detail.endswith(reason)
    assert await kept(ctx) is None


async def test_a_stale_message_leaves_the_newer_one(ctx: ServerContext, device: Device) -> None:
    old = device.up(last=1, head=device.place(1), statement=signed(device, device.place(1)))
    await device.sync()
    newest = signed(device)
    await device.sync(statement=newest)
    assert (await device.send(old)).stale
    assert await kept(ctx) == newest


async def test_a_head_that_is_not_held_yet_says_nothing(ctx: ServerContext, device: Device) -> None:
    await device.sync(last=1, statement=signed(device))
    assert (await verify(ctx)).ok


@pytest.mark.parametrize(
    ("head", "key", "seq"),
    [
        (Head(1, bytes(32)), None, 1),
        (Head(0, bytes(32)), None, 0),
        (None, SigningKey.from_seed(bytes(32)), 2),
    ],
)
async def test_a_chain_that_is_not_what_was_signed_is_damage(
    ctx: ServerContext, device: Device, head: Head | None, key: SigningKey | None, seq: int
) -> None:
    await device.sync()
    async with ctx.store.write() as conn:
        await conn.execute(journal.update().values(head_statement=signed(device, head, key)))
    found = await verify(ctx)
    assert not found.ok
    assert found.damaged == (
        Damage(
            office="H26.107",
            side="office",
            journal=device.journal.hex(),
            seq=seq,
            what="statement-wrong",
        ),
    )
