"""When messages are short, and what makes them full again (docs/protocol.md section 4.2)."""

from __future__ import annotations

import secrets

import msgspec
import pytest

from agent.sync import faults
from agent.sync.engine import Engine
from agent.sync.faults import FAULTS, Fault
from agent.sync.session import Envelope, Session
from agent.sync.signals import BackingOff
from tests.agent.sync.conftest import Office
from tests.agent.sync.province import FakeProvince, Loopback, http, ok, problem
from tests.agent.sync.test_engine import engine, failed, sends
from wire.limits import FULL_MESSAGE_PAUSE_S_MIN, SESSION_REQUESTS_MAX, SESSION_S_MAX
from wire.message import request_hash
from wire.plaintext import Down
from wire.short import is_short

DAY_MS = SESSION_S_MAX * 1_000
DESK = b"the desk journal"


@pytest.fixture
def province() -> FakeProvince:
    province = FakeProvince()
    province.opens_sessions = True
    return province


def a_down(**changes: object) -> Down:
    down = FakeProvince()
    request = b"request"
    bare = Down(
        re=bytes(32),
        office=down.office,
        journal=down.journal,
        receipt=down.genesis,
        verdict="ok",
        turn=bytes(8),
        session="ok",
        desk=down.desk_id,
        desk_head=down.desk.head,
        now=len(request),
        codecs=(0,),
        next_after=0,
    )
    return msgspec.structs.replace(bare, **changes)


def opened(now_ms: int = 0) -> Session:
    session = Session(secrets.token_bytes)
    session.answered(session.envelope(now_ms, full=False), a_down(), now_ms, DESK)
    return session


def is_full(envelope: Envelope) -> bool:
    return envelope.session is None


# --- the rules ----------------------------------------------------------------------------------


def test_the_first_message_is_full_and_offers_fresh_bytes() -> None:
    session = Session(secrets.token_bytes)
    first, second = (session.envelope(0, full=False) for _ in range(2))
    assert is_full(first)
    assert first.offer is not None
    assert len(first.offer) == 32
    assert first.offer != second.offer


def test_after_an_answer_that_takes_it_up_messages_are_short_with_fresh_ivs() -> None:
    session = opened()
    first, second = (session.envelope(1, full=False) for _ in range(2))
    assert first.session is second.session is not None
    assert first.iv != second.iv


def test_an_answer_that_does_not_take_it_up_opens_nothing() -> None:
    session = Session(secrets.token_bytes)
    session.answered(session.envelope(0, full=False), a_down(session=None), 0, DESK)
    assert is_full(session.envelope(0, full=False))


@pytest.mark.parametrize("change", [{"verdict": "gap"}, {"stale": True}])
def test_a_disagreement_ends_it(change: dict[str, object]) -> None:
    session = opened()
    session.answered(session.envelope(0, full=False), a_down(session=None, **change), 0, DESK)
    assert is_full(session.envelope(0, full=False))


def test_what_must_be_said_in_full_is_and_offers_another() -> None:
    session = opened()
    envelope = session.envelope(0, full=True)
    assert is_full(envelope)
    assert envelope.offer is not None
    assert not is_full(session.envelope(0, full=False))


def test_a_message_about_another_desk_journal_is_full_and_opens_another_session() -> None:
    session = opened()
    envelope = session.fitting(session.envelope(0, full=False), b"the next of them")
    assert is_full(envelope)
    assert envelope.offer is not None
    session.answered(envelope, a_down(), 0, b"the next of them")
    assert not is_full(session.fitting(session.envelope(0, full=False), b"the next of them"))
    assert is_full(session.fitting(session.envelope(0, full=False), DESK))


def test_it_ends_after_a_day_and_after_a_thousand_requests() -> None:
    assert not is_full(opened().envelope(DAY_MS - 1, full=False))
    assert is_full(opened().envelope(DAY_MS, full=False))
    session = opened()
    for _ in range(SESSION_REQUESTS_MAX):
        assert not is_full(session.envelope(0, full=False))
    assert is_full(session.envelope(0, full=False))


def test_faults_of_the_line_keep_it_and_doubts_about_the_answer_end_it() -> None:
    kept = {faults.OFFLINE, faults.CUT, faults.LATE, faults.BUSY, faults.CAPTIVE_PORTAL}
    assert not any(fault.ends_session for fault in kept)
    ending = {fault.code for fault in FAULTS if fault.ends_session}
    assert {"session-unknown", "answer-forged", "message-malformed", "sender-unknown"} <= ending


def renewed(it: Engine, fault: Fault, now_ms: int) -> bool:
    return sends(it.handle(failed(it, fault), now_ms))


def test_the_end_of_a_session_is_answered_at_once_but_once_a_minute() -> None:
    it = engine()
    assert renewed(it, faults.SESSION_UNKNOWN, 1_000)
    assert not renewed(it, faults.SESSION_UNKNOWN, 2_000)
    until_ms = it.state.until_ms if isinstance(it.state, BackingOff) else 0
    assert until_ms >= 1_000 + FULL_MESSAGE_PAUSE_S_MIN * 1_000


# --- over a real connection ---------------------------------------------------------------------


async def test_an_old_short_answer_marks_nothing_delivered(office: Office, line: Loopback) -> None:
    office.start()
    await office.record()
    await office.until_delivered()
    await office.record()
    await office.until_delivered()
    request = office.province.messages[-1]
    old = office.province.seal_short(
        office.province.down(request, office.province.ups[-1]), request
    )
    line.scripts.append(ok(old))
    before = office.journal.delivered
    await office.record()
    show = await office.until_shown("answer-forged")
    assert show.line == "captive-portal"
    assert office.journal.delivered == before
    await office.until_delivered()
    assert not is_short(office.province.messages[-1])


async def test_a_full_answer_to_a_short_message_does_not_count(
    office: Office, line: Loopback
) -> None:
    office.start()
    await office.record()
    await office.until_delivered()

    async def in_full(body: bytes, writer: object) -> None:
        down = office.province.down(body, office.province.open(body))
        writer.write(ok(office.province.seal(down)))  # type: ignore[attr-defined]

    line.scripts.append(in_full)
    before = office.journal.delivered
    await office.record()
    await office.until_shown("answer-forged")
    assert office.journal.delivered == before


async def test_a_short_answer_that_cannot_be_read_does_not_count(
    office: Office, line: Loopback
) -> None:
    office.start()
    await office.record()
    await office.until_delivered()

    async def nonsense(body: bytes, writer: object) -> None:
        keys = next(iter(office.province.sessions.values()))
        hashed = request_hash(body)
        device_id = office.province.device_id
        sealed = keys.seal_down(b"\x80", device_id=device_id, request_hash=hashed, iv=bytes(12))
        writer.write(ok(sealed))  # type: ignore[attr-defined]

    line.scripts.append(nonsense)
    before = office.journal.delivered
    await office.record()
    await office.until_shown("server-error")
    assert office.journal.delivered == before


@pytest.mark.parametrize(
    "answer",
    [
        problem("400 Bad Request", "message-malformed"),
        problem("401 Unauthorized", "sender-unknown"),
        problem("500 Internal Server Error", "internal"),
        http("200 OK", b"<html>", content_type="application/vnd.commune.exchange+cose"),
    ],
)
async def test_what_may_be_the_sessions_fault_is_followed_by_a_full_message(
    office: Office, line: Loopback, answer: bytes
) -> None:
    office.start()
    await office.record()
    await office.until_delivered()
    line.scripts.append(answer)
    await office.record()
    await office.until_delivered()
    assert not is_short(office.province.messages[-1])


async def test_a_cut_line_keeps_the_session(office: Office, line: Loopback) -> None:
    office.start()
    await office.record()
    await office.until_delivered()
    await line.cut()
    await office.record()
    await office.until_shown("line-down")
    await line.up()
    await office.until_delivered()
    assert is_short(office.province.messages[-1])


async def test_a_restarted_agent_begins_with_a_full_message(office: Office) -> None:
    office.start()
    await office.record()
    await office.until_delivered()
    await office.record()
    await office.until_delivered()
    assert is_short(office.province.messages[-1])
    await office.stop()
    office.start()
    await office.record()
    await office.until_delivered()
    full = [body for body in office.province.messages if not is_short(body)]
    assert len(full) == 2
