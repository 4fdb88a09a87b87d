"""A province with new keys: what those who know the former ones are told, and until when."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server import moving, retiring
from server.config import Config
from server.context import ServerContext
from server.enrolment import issue_ticket, revoke
from server.exchange import exchange
from server.keys import ServerKeys, load
from server.offices import add_office
from tests.server.province import Device, FakeClock, new_device, rotate_keys, use_ticket
from tests.server.test_http import served
from wire import enrolment, message, plaintext, statements
from wire.event import decode
from wire.keys import SealingPublicKey, VerifyKey, device10, key_id
from wire.plaintext import Down, Up
from wire.problems import Refusal
from wire.short import SessionKeys
from wire.statements import DeviceRecord, Province, Receipt, Revoked
from wire.succession import succeed


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    return await new_device(ctx)


class Holder:
    """A device that holds one statement: it seals to that one's key and believes its signer."""

    def __init__(self, device: Device, stated: bytes) -> None:
        self.device = device
        self.province = statements.read_unverified(stated, Province)

    async def ask(self, ctx: ServerContext, **members: Any) -> Down:
        """Exchange once and open the answer as somebody does who knows no other keys."""
        return await self.send(ctx, self.device.up(**members))

    async def send(self, ctx: ServerContext, up: Up) -> Down:
        request = message.seal_full(
            plaintext.encode_up(up),
            sender=self.device.signing,
            receiver=SealingPublicKey(self.province.sealing_key),
            direction="up",
        )
        envelope = message.parse_full(await exchange(request, ctx))
        message.verify_full(envelope, VerifyKey(self.province.signing_key))
        opened = message.decrypt_full(envelope, self.device.sealing, "down")
        down = plaintext.decode_down(opened)
        self.device.turn = down.turn
        return down


def restarted(ctx: ServerContext, **wanted: Any) -> ServerContext:
    """Return the province after a rotation and a restart."""
    rotate_keys(ctx.config.keys_dir, **wanted)
    return replace(ctx, keys=load(ctx.config.keys_dir))


async def test_who_seals_to_former_keys_is_answered_with_them_and_told_to_move(
    ctx: ServerContext, device: Device
) -> None:
    holder = Holder(device, ctx.keys.province)
    now = restarted(ctx, signing=True)
    device.note()
    down = await holder.ask(now)
    assert (down.verdict, down.statement) == ("moved", now.keys.province)
    assert down.receipt == device.head
    followed = succeed(holder.province, down.statement or b"")
    assert followed is not None
    down = await Holder(device, followed.cose).ask(now, session=secrets.token_bytes(32))
    assert (down.verdict, down.session) == ("ok", "ok")
    proof = statements.verify(down.statement or b"", Receipt, now.keys.signing.verify_key)
    assert proof.seq == device.head.seq


async def test_two_rotations_that_were_slept_through_are_one_step(
    ctx: ServerContext, device: Device
) -> None:
    holder = Holder(device, ctx.keys.province)
    now = restarted(restarted(ctx, signing=True), signing=True)
    followed = succeed(holder.province, (await holder.ask(now)).statement or b"")
    assert followed is not None
    assert followed.province.n == 3


async def test_changes_of_root_are_gone_one_after_the_other(
    ctx: ServerContext, device: Device
) -> None:
    held = statements.read_unverified(ctx.keys.province, Province)
    now = ctx
    for n in (2, 3):
        now = restarted(now, root=True)
        root = ctx.config.keys_dir.parent / "root" / f"root-{n}.key"
        root.replace(ctx.config.keys_dir.parent / "root.key")
    for n in (2, 3):
        stated = now.keys.stated[held.n]
        down = await Holder(device, stated).ask(now)
        followed = succeed(held, down.statement or b"")
        assert followed is not None
        assert followed.province.n == n
        held = followed.province


async def test_every_office_is_told_once_and_its_sessions_end(
    ctx: ServerContext, device: Device
) -> None:
    assert await moving.at_start(ctx) == 0
    offered = secrets.token_bytes(32)
    await device.sync(session=offered)
    now = restarted(ctx)
    assert (await moving.at_start(now), await moving.at_start(now)) == (1, 0)
    device.ctx = now
    await device.sync()
    said = decode(device.desk_events[-1])
    assert said.kind == "successor.named"
    named = json.loads(bytes(said.body))["province"]
    assert base64.urlsafe_b64decode(named + "==") == now.keys.province
    short = SessionKeys(offered).seal_up(b"\xa0", device_id=device.device_id, iv=bytes(12))
    with pytest.raises(Refusal, match="session-unknown"):
        await exchange(short, now)


async def test_what_former_keys_signed_is_signed_anew_for_who_knows_no_others(
    ctx: ServerContext, device: Device
) -> None:
    holder = Holder(device, ctx.keys.province)
    now = restarted(ctx, signing=True)
    await revoke(now, device.device_id)  # signed with the newest key
    down = await holder.ask(now)
    assert down.verdict == "revoked"
    signer = VerifyKey(holder.province.signing_key)
    assert statements.verify(down.statement or b"", Revoked, signer).device_id == device.device_id


async def test_a_ticket_of_before_is_good_and_its_device_moves_afterwards(
    ctx: ServerContext,
) -> None:
    office = await add_office(ctx, "H26.107", "Xã Ứng Hòa")
    ticket = await issue_ticket(ctx, office, automatic=True)
    now = restarted(ctx, signing=True)
    stated = now.keys.signed_with(statements.read_kid(ticket))
    assert stated == ctx.keys.province
    with pytest.raises(Refusal, match="ticket-forged"):
        enrolment.check_ticket(ticket, now.keys.province, now.now_ms())
    former = now.known_by(ctx.keys.sealing[0].kid)
    former = replace(former, keys=replace(former.keys, province=stated, sealing=ctx.keys.sealing))
    device = await use_ticket(former, ticket)
    record = statements.verify(device.record_cose, DeviceRecord, ctx.keys.signing.verify_key)
    assert record.device_id == device.device_id
    assert (await Holder(device, stated or b"").ask(now)).verdict == "moved"


async def test_the_statement_is_served_to_everybody_who_holds_some_other(
    ctx: ServerContext, device: Device
) -> None:
    now = restarted(ctx, signing=True)
    now = restarted(now, root=True)
    signer, later = (key_id(each.keys.signing.public)[:8].hex() for each in (ctx, now))
    root = key_id(statements.read_unverified(ctx.keys.province, Province).root_key).hex()
    wanted = {
        "": now.keys.province,
        "?n=1": now.keys.changes[3],
        "?n=3": now.keys.province,
        f"?signer={signer}": ctx.keys.province,
        f"?signer={later}": now.keys.province,
        f"?signer={later}&root={root}": now.keys.stated[2],
        f"?signer={later}&root={'00' * 32}": now.keys.province,
        f"?signer={'00' * 8}": now.keys.province,
        "?signer=x": now.keys.province,
        "?n=x": now.keys.province,
    }
    async with served(now) as door:
        for query, statement in wanted.items():
            asked = f"GET /v1/province{query} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
            assert (await door.raw(asked))[::2] == (200, statement), query


async def test_a_retired_key_goes_when_every_device_holds_a_later_statement(
    ctx: ServerContext, device: Device
) -> None:
    holder = Holder(device, ctx.keys.province)
    now = restarted(ctx, signing=True)
    (waiting,) = await retiring.retired(now)
    assert (waiting.n, waiting.due, len(waiting.holders)) == (1, False, 1)
    assert await retiring.destroy(now) == []
    await Holder(device, now.keys.province).ask(now)
    assert await retiring.destroy(now) == [1]

    after = load(ctx.config.keys_dir)
    assert (after.n, after.former, len(after.signers)) == (2, (), 2)
    names = {file.name for file in ctx.config.keys_dir.glob("s*.key")}
    assert names == {"sealing-2.key", "signing-2.key"}
    assert " 1 " in (ctx.config.keys_dir / retiring.RECORD).read_text()
    with pytest.raises(Refusal, match="receiver-unknown"):
        await holder.ask(replace(now, keys=after))


async def test_a_device_that_never_comes_keeps_a_key_for_24_months_and_no_longer(
    ctx: ServerContext, device: Device, clock: FakeClock
) -> None:
    now = restarted(ctx)
    clock.ms += retiring.RETIRED_MS_MAX - 1
    assert await retiring.destroy(now) == []
    clock.ms += 1
    (waiting,) = await retiring.retired(now)
    assert (waiting.due, waiting.holders[0].device) == (True, device10(device.device_id))
    assert await retiring.destroy(now) == [1]
    assert (ctx.config.keys_dir / "signing.key").exists(), "it is in force"


async def test_a_key_that_a_cut_left_without_its_name_is_destroyed_too(
    ctx: ServerContext, device: Device
) -> None:
    left = ctx.config.keys_dir / ".sealing.key.gone"
    left.write_bytes(secrets.token_bytes(32))
    await retiring.destroy(ctx)
    assert not left.exists()


def test_a_cut_rotation_of_another_statement_is_no_generation(config: Config) -> None:
    """The copy of the present statement is there, the new one is not."""
    present = config.keys_dir / "province.cose"
    Path(config.keys_dir / "province-1.cose").write_bytes(present.read_bytes())
    keys: ServerKeys = load(config.keys_dir)
    assert (keys.n, keys.former, keys.successor) == (1, (), None)
