"""Genuine answers that disagree, ask or cannot be followed: shown, held, or done."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from agent.sync import store
from agent.sync.signals import Held
from tests.agent.sync.conftest import Office
from tests.agent.sync.province import Loopback, desk_event, ok, problem
from wire import message, plaintext
from wire.block import EventsBlock, pack
from wire.chain import Head
from wire.plaintext import Down

Claim = Callable[[Office], Awaitable[Head]]


async def another_hash(office: Office) -> Head:
    return Head(office.journal.head.seq, bytes(32))


async def above_the_head(office: Office) -> Head:
    return Head(office.journal.head.seq + 1, bytes(32))


@pytest.mark.parametrize(
    ("claim", "code"), [(another_hash, "receipt-wrong"), (above_the_head, "device-restored")]
)
async def test_a_receipt_that_is_not_our_chain_is_shown_and_after_three_times_held(
    office: Office, claim: Claim, code: str
) -> None:
    await office.record(3)
    receipt = await claim(office)
    office.province.change = lambda down: msgspec.structs.replace(
        down, receipt=receipt, statement=None
    )
    office.start()
    assert office.syncer is not None
    syncer = office.syncer
    await office.until(lambda: isinstance(syncer.state, Held))
    assert office.shown[-1].fault is not None
    assert office.shown[-1].fault.code == code
    assert office.journal.delivered.seq == 0
    assert [error for _, error in await office.log()] == [code] * 3


async def test_a_fork_is_shown_and_recording_goes_on(office: Office) -> None:
    await office.record(3)
    office.province.change = lambda down: msgspec.structs.replace(
        down, verdict="fork", receipt=Head(1, bytes(32)), statement=None
    )
    office.start()
    assert office.syncer is not None
    syncer = office.syncer
    await office.until(lambda: isinstance(syncer.state, Held))
    await office.record(2)
    assert office.journal.head.seq == 5
    assert office.journal.delivered.seq == 0
    assert office.shown[-1].fault is not None
    assert office.shown[-1].fault.code == "fork"


async def test_desk_events_that_do_not_follow_are_asked_for_again(office: Office) -> None:
    office.province.desk.append(desk_event(1))
    good = office.province.change

    def wrong_prev(down: Down) -> Down:
        return msgspec.structs.replace(down, events=pack(1, bytes(32), [desk_event(1)]))

    office.province.change = wrong_prev
    await office.record(1)
    office.start()
    await office.until_delivered()
    assert office.journal.desk_head.seq == 0
    office.province.change = good
    await office.record(1)
    await office.until(lambda: office.journal.desk_head.seq == 1)
    assert office.province.ups[-1].cursor.seq == 0


async def test_desk_events_that_cannot_be_read_do_not_spoil_the_receipt(office: Office) -> None:
    garbage = EventsBlock(1, office.province.desk.head.hash, 1, b"not zstd")
    office.province.change = lambda down: msgspec.structs.replace(down, events=garbage)
    await office.record(1)
    office.start()
    await office.until_delivered()
    rows = await office.journal.read(
        lambda conn: conn.execute("SELECT code, detail FROM problem").fetchall()
    )
    assert rows == [("event-malformed", "frame")]


async def test_a_remark_on_a_message_is_gone_with_the_next_answer(office: Office) -> None:
    def remarks(*problems: plaintext.Problem) -> Callable[[Down], Down]:
        return lambda down: msgspec.structs.replace(down, problems=problems)

    async def noted() -> list[tuple[int, str]]:
        query = "SELECT seq, code FROM problem ORDER BY seq"
        return await office.journal.read(lambda conn: conn.execute(query).fetchall())

    said = [plaintext.Problem(0, "office-differs", ""), plaintext.Problem(1, "field-invalid", "")]
    office.province.change = remarks(*said)
    await office.record(1)
    office.start()
    await office.until_delivered()
    assert await noted() == [(0, "office-differs"), (1, "field-invalid")]
    office.province.change = remarks()
    await office.record(1)
    await office.until_delivered()
    assert await noted() == [(1, "field-invalid")]


async def test_retry_after_is_handed_on_and_a_date_is_left_aside(
    office: Office, line: Loopback
) -> None:
    line.scripts.append(problem("503 Busy", "busy", retry_after="7"))
    line.scripts.append(problem("503 Busy", "busy", retry_after="Wed, 21 Oct 2026 07:28:00 GMT"))
    line.scripts.append(problem("429 Busy", "busy", retry_after="9" * 30))
    await office.record(1)
    office.start()
    await office.until_delivered()
    assert office.delays.retry_after_s == [7, None, None]


async def test_too_large_is_split_until_it_fits(office: Office, line: Loopback) -> None:
    await office.record(40, text=secrets.token_hex(2_000))

    async def script(body: bytes, writer: asyncio.StreamWriter) -> None:
        fits = len(body) < 6_000
        writer.write(
            ok(office.province.answer(body)) if fits else problem("413 Large", "too-large")
        )
        await writer.drain()

    line.always = script
    office.start()
    await office.until_delivered()
    assert len(office.province.events) == 40


async def test_an_unknown_sender_introduces_itself_in_the_next_message(
    office: Office, line: Loopback
) -> None:
    line.scripts.append(problem("401 No", "sender-unknown"))
    await office.record(1)
    office.start()
    await office.until_delivered()
    [accepted] = office.province.messages
    record = message.parse_full(accepted).device_record
    assert record is not None
    await office.record(1)
    await office.until_delivered()
    assert message.parse_full(office.province.messages[-1]).device_record is None


async def test_a_lost_answer_doubles_nothing(office: Office, line: Loopback) -> None:
    async def lost(body: bytes, _writer: asyncio.StreamWriter) -> None:
        office.province.answer(body)
        raise ConnectionResetError

    line.scripts.extend([lost, lost, lost])
    await office.record(10)
    office.start()
    await office.until_delivered()
    assert len(office.province.events) == 10
    assert [up.events.first for up in office.province.ups if up.events][:4] == [1, 1, 1, 1]


async def test_a_moved_province_leaves_its_statement_and_is_shown(office: Office) -> None:
    office.province.change = lambda down: msgspec.structs.replace(
        down, verdict="moved", statement=b"province 2"
    )
    await office.record(1)
    office.start()
    show = await office.until_shown("province-moved")
    assert show.line == "moved"
    assert await office.meta(store.SUCCESSOR) == b"province 2"


async def test_a_province_that_answers_but_takes_nothing_is_not_asked_in_a_hot_loop(
    office: Office,
) -> None:
    await office.record(2)
    office.province.change = lambda down: msgspec.structs.replace(
        down, receipt=office.province.genesis, statement=None
    )
    office.delays.wait_ms = 3_600_000
    office.start()
    await office.until_shown("receipt-stuck")
    assert len(office.province.ups) == 1
    assert office.journal.delivered.seq == 0
