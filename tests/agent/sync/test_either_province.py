"""Stories that the fake province and the real server must tell alike (docs/testing.md)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from agent.journal import Journal, NoViews
from agent.sync import store
from agent.sync.signals import Stopped
from tests.agent.sync.conftest import Station, TestClock
from tests.agent.sync.either import Exchange, Fake, Heard, Real, Scene, adopt
from tests.agent.sync.test_real_province import bodies
from tests.agent.sync.test_silent_line import PATIENT
from tests.chaos.false_province import Interposer
from wire import statements
from wire.limits import PROOF_AGE_S_MAX
from wire.short import is_short
from wire.statements import HeadStatement, Receipt, Revoked


@pytest.fixture(params=[Fake, Real], ids=["fake", "real"])
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as ends:
        province: Fake | Real = request.param()
        await province.up(tmp_path, ends)
        interposer = ends.enter_context(Interposer(province.port))
        enrolled, answer = await province.begin(tmp_path)
        journal = await Journal.open(
            tmp_path / "journal.db",
            secrets.token_bytes(32),
            identity=enrolled.identity,
            projector=NoViews(),
            clock=TestClock(),
        )
        ends.push_async_callback(journal.close)
        office = Station(journal, lambda: enrolled, interposer.url)
        office.patience = PATIENT
        ends.push_async_callback(office.stop)
        await adopt(office, enrolled, answer)
        yield Scene(office, province, Heard(interposer, province.sealing, enrolled))


async def said(scene: Scene, records: int = 1) -> Exchange:
    """Record something and let it be delivered; give the last exchange."""
    await scene.office.record(records)
    await scene.office.until_delivered()
    return scene.heard.exchanges()[-1]


async def test_what_was_recorded_offline_is_at_the_province_exactly_once(scene: Scene) -> None:
    await scene.office.record(1_000)
    scene.office.start()
    await scene.office.until_delivered()
    assert await scene.province.held() == await bodies(scene.office.journal)
    assert scene.office.journal.delivered == scene.office.journal.head
    assert scene.heard.exchanges()[-1].down.receipt == scene.office.journal.head  # type: ignore[union-attr]
    assert {show.line for show in scene.office.shown} == {"online"}


async def test_a_new_event_goes_out_by_itself_and_alone(scene: Scene) -> None:
    scene.office.start()
    await scene.office.until_shown(None)
    last = await said(scene)
    assert last.up.events is not None
    assert last.up.events.first == last.up.head.seq == 1
    last = await said(scene)
    assert last.up.events is not None
    assert last.up.events.first == last.up.head.seq == 2
    assert len(await scene.province.held()) == 2


async def test_the_turn_of_each_answer_is_shown_in_the_next_message(scene: Scene) -> None:
    scene.office.start()
    for _ in range(4):
        await said(scene)
    exchanges = scene.heard.exchanges()
    turns = [each.down.turn for each in exchanges if each.down is not None]
    assert len(turns) == len(exchanges) >= 4
    assert len(set(turns)) == len(turns)
    assert [each.up.turn for each in exchanges[1:]] == turns[:-1]
    assert await scene.office.meta(store.TURN) == turns[-1]
    assert not any(each.down.stale for each in exchanges if each.down is not None)


async def test_a_full_answers_receipt_is_kept_as_proof(scene: Scene) -> None:
    await scene.office.record(3)
    scene.office.start()
    await scene.office.until_delivered()
    first = scene.heard.exchanges()[-1]
    assert first.up.statement is not None
    device = scene.office.enrolment().device_key.verify_key
    head = statements.verify(first.up.statement, HeadStatement, device)
    assert (head.seq, head.hash) == first.up.head
    proved = scene.office.journal.delivered
    await said(scene)  # goes in a short message, whose answer proves nothing to outsiders
    proof = await scene.office.meta(store.PROOF)
    assert isinstance(proof, bytes)
    receipt = statements.verify(proof, Receipt, scene.province.signed_by)
    assert (receipt.seq, receipt.hash) == proved == (3, proved.hash)


async def test_what_the_desk_says_comes_down_and_the_cursor_follows(scene: Scene) -> None:
    scene.office.start()
    await said(scene)
    before = scene.office.journal.desk_head
    await scene.province.publish()
    last = await said(scene)
    assert last.down is not None
    after = scene.office.journal.desk_head
    assert after == last.down.desk_head
    assert after.seq == before.seq + 1
    last = await said(scene)
    assert last.up.cursor == after
    assert last.down is not None
    assert last.down.events is None


async def test_a_province_restored_from_an_older_copy_is_sent_what_it_lost(scene: Scene) -> None:
    await scene.office.record(10)
    scene.office.start()
    await scene.office.until_delivered()
    await scene.province.remember()
    await said(scene, 20)
    await scene.province.go_back()
    assert len(await scene.province.held()) == 10
    await said(scene)
    assert await scene.province.held() == await bodies(scene.office.journal)
    answers = [each for each in scene.heard.exchanges() if each.down is not None]
    (gap,) = [each.down for each in answers if each.down and each.down.verdict == "gap"]
    assert gap.have == 10
    assert answers[-1].up.events is not None
    assert answers[-1].up.events.first == 11


async def test_a_revoked_device_stops_for_good(scene: Scene) -> None:
    scene.office.start()
    await said(scene)
    await scene.province.revoke()
    await scene.office.record(1)
    show = await scene.office.until_shown("device-revoked")
    assert show.line == "revoked"
    assert scene.office.syncer is not None
    assert isinstance(scene.office.syncer.state, Stopped)
    kept = await scene.office.meta(store.REVOKED)
    assert isinstance(kept, bytes)
    revoked = statements.verify(kept, Revoked, scene.province.signed_by)
    assert revoked.device_id == scene.office.enrolment().identity.device_id


async def test_the_second_message_is_short_and_says_the_same(scene: Scene) -> None:
    scene.office.start()
    for _ in range(4):
        await said(scene)
    exchanges = scene.heard.exchanges()
    assert [is_short(each.body) for each in exchanges] == [False, *[True] * (len(exchanges) - 1)]
    full, short = exchanges[0].up, exchanges[-1].up
    same = ("office", "journal", "desk", "boot", "clock")
    assert [getattr(full, name) for name in same] == [getattr(short, name) for name in same]
    assert exchanges[0].down is not None
    assert exchanges[0].down.session == "ok"
    assert len(exchanges[-1].body) < 400
    assert len(await scene.province.held()) == 4


async def test_a_session_the_province_forgot_is_opened_anew_at_once(scene: Scene) -> None:
    scene.office.delays.wait_ms = 300_000
    scene.office.start()
    await said(scene)
    await scene.province.forget_sessions()
    last = await said(scene)
    assert not is_short(last.body)
    assert is_short((await said(scene)).body)
    errors = [error for _, error in await scene.office.log()]
    assert errors.count("session-unknown") == 1
    assert [each.down for each in scene.heard.exchanges()].count(None) == 1


async def test_a_receipt_statement_is_brought_by_a_short_answer_when_it_is_asked_for(
    scene: Scene,
) -> None:
    scene.office.start()
    await said(scene)
    syncer = scene.office.syncer
    assert syncer is not None
    last = await said(scene)
    assert not last.up.prove
    async with asyncio.timeout(20):
        await syncer.prove()
    proof = await scene.office.meta(store.PROOF)
    assert isinstance(proof, bytes)
    receipt = statements.verify(proof, Receipt, scene.province.signed_by)
    assert (receipt.seq, receipt.hash) == scene.office.journal.delivered
    again = await said(scene)
    assert not again.up.prove, "asked once, answered once"


async def test_a_statement_half_a_day_old_is_renewed_with_the_next_message(scene: Scene) -> None:
    scene.office.start()
    await said(scene)
    kept_ms = await scene.office.meta(store.PROOF_MS)
    assert isinstance(kept_ms, int)
    old_ms = kept_ms - PROOF_AGE_S_MAX * 1_000 // 2
    await scene.office.journal.write(lambda t: t.set_meta(store.PROOF_MS, old_ms))
    assert (await said(scene)).up.prove
    renewed_ms = await scene.office.meta(store.PROOF_MS)
    assert isinstance(renewed_ms, int)
    assert renewed_ms >= kept_ms
    assert not (await said(scene)).up.prove
