"""Stories of an office and its province over a real connection."""

import asyncio

import msgspec
import pytest

from agent.sync import store
from agent.sync.signals import Idle, Stopped
from tests.agent.sync.conftest import BOX, Office
from tests.agent.sync.province import Loopback, desk_event
from wire import statements
from wire.block import pack
from wire.plaintext import Down, Problem
from wire.statements import HeadStatement, Revoked


async def test_many_events_at_once_go_in_one_message(office: Office) -> None:
    office.start()
    await office.until_shown(None)
    await office.record(300)
    await office.until_delivered()
    assert len(office.province.ups) == 2


async def test_the_request_carries_three_headers_and_one_connection_is_kept(
    office: Office, line: Loopback
) -> None:
    office.start()
    for _ in range(3):
        await office.record()
        await office.until_delivered()
    assert line.connections == 1
    names = [row.split(b":")[0].lower() for row in line.heads[0].split(b"\r\n")[1:] if row]
    assert sorted(names) == [b"content-length", b"content-type", b"host"]
    assert line.heads[0].startswith(b"POST /v1/exchange HTTP/1.1\r\n")


async def test_a_message_says_what_the_protocol_asks_of_a_full_one(office: Office) -> None:
    await office.record(2)
    office.start()
    await office.until_delivered()
    up = office.province.ups[0]
    assert up.head == office.journal.head
    assert up.turn == bytes(8)
    assert up.box == BOX
    assert up.codecs == (0, 1)
    assert up.clock == "trusted"
    assert up.statement is not None
    head = statements.verify(up.statement, HeadStatement, office.province.device.verify_key)
    assert (head.seq, head.hash) == up.head


async def test_desk_events_that_do_not_fit_one_answer_are_asked_for_at_once(
    office: Office,
) -> None:
    for number in range(5):
        office.province.desk.append(desk_event(number))

    def one_at_a_time(down: Down) -> Down:
        seq = office.province.ups[-1].cursor.seq
        if seq == 5:
            return down
        prev = office.province.ups[-1].cursor.hash
        block = pack(seq + 1, prev, office.province.desk.events[seq : seq + 1])
        return msgspec.structs.replace(down, events=block)

    office.province.change = one_at_a_time
    office.start()
    await office.until(lambda: office.journal.desk_head.seq == 5)
    assert [up.cursor.seq for up in office.province.ups][:5] == [0, 1, 2, 3, 4]


async def test_problems_are_kept_and_block_nothing(office: Office) -> None:

    office.province.change = lambda down: msgspec.structs.replace(
        down, problems=(Problem(1, "projection-failed", "x"),)
    )
    await office.record(2)
    office.start()
    await office.until_delivered()
    rows = await office.journal.read(
        lambda conn: conn.execute("SELECT seq, code FROM problem").fetchall()
    )
    assert rows == [(1, "projection-failed")]


async def test_a_province_that_lost_this_journal_gets_it_from_the_first_event(
    office: Office,
) -> None:

    await office.record(5)
    office.start()
    await office.until_delivered()
    office.province.forget(0)

    def unknown(down: Down) -> Down:
        if down.verdict != "gap":
            return down
        return msgspec.structs.replace(down, verdict="unknown-journal", have=None)

    office.province.change = unknown
    await office.record(1)
    await office.until(lambda: len(office.province.events) == 6)
    assert "unknown-journal" in [error for _, error in await office.log()]


async def test_a_gap_is_filled_from_where_the_province_stands(office: Office) -> None:
    await office.record(30)
    office.start()
    await office.until_delivered()
    office.province.forget(10)
    await office.record(1)
    await office.until(lambda: office.province.held == office.journal.head)
    firsts = [up.events.first for up in office.province.ups if up.events]
    assert firsts == [1, 31, 11]


async def test_the_syncer_stops_for_good_when_revoked_and_stays_so_after_a_restart(
    office: Office, line: Loopback
) -> None:

    office.province.change = lambda down: msgspec.structs.replace(
        down, verdict="revoked", statement=office.province.revocation()
    )
    office.start()
    await office.until_shown("device-revoked")
    assert office.shown[-1].line == "revoked"
    kept = await office.meta(store.REVOKED)
    assert isinstance(kept, bytes)
    statements.verify(kept, Revoked, office.province.signing.verify_key)
    await office.stop()
    asked = len(line.heads)
    office.start()
    await office.until(lambda: len(office.shown) >= 2)
    assert office.syncer is not None
    assert isinstance(office.syncer.state, Stopped)
    assert len(line.heads) == asked


async def test_a_quarantined_office_goes_on_sending_and_nothing_counts_as_delivered(
    office: Office,
) -> None:

    office.province.change = lambda down: msgspec.structs.replace(
        down, verdict="quarantined", statement=None
    )
    await office.record(3)
    office.start()
    await office.until_shown("quarantined")
    await office.record(2)
    await office.until(lambda: len(office.province.events) == 5)
    assert office.journal.delivered.seq == 0
    office.province.change = lambda down: down
    assert office.syncer is not None
    office.syncer.sync_now()
    await office.until_delivered()
    assert len(office.province.events) == 5


async def test_a_quarantined_office_sends_a_restored_province_what_that_lost_and_rests(
    office: Office,
) -> None:

    await office.record(2)
    office.start()
    await office.until_shown(None)
    office.province.forget(0)
    office.province.change = lambda down: msgspec.structs.replace(
        down, verdict="quarantined", statement=None
    )
    assert office.syncer is not None
    office.syncer.sync_now()
    await office.until(lambda: len(office.province.events) == 2)
    await office.until(lambda: isinstance(office.syncer and office.syncer.state, Idle))
    first, asking, sending = office.province.ups
    assert (asking.events, sending.head) == (None, first.head)
    assert office.journal.delivered.seq == 2


async def test_a_stale_memory_shows_the_new_turn_together_with_the_old(office: Office) -> None:

    office.start()
    await office.until_shown(None)
    remembered = office.province.turns[-1]
    stale = [True]
    office.province.change = lambda down: msgspec.structs.replace(
        down, stale=bool(stale and stale.pop())
    )
    await office.record()
    await office.until(lambda: len(office.province.ups) == 3 and not office.journal.backlog_events)
    mended = office.province.ups[-1]
    assert mended.was == remembered
    assert mended.turn == office.province.turns[1]
    assert mended.turn != remembered


async def test_settled_returns_when_nothing_is_left_to_deliver(office: Office) -> None:
    office.start()
    await office.record(50)
    assert office.syncer is not None
    async with asyncio.timeout(10):
        await office.syncer.settled()
    assert office.journal.backlog_events == 0


async def test_an_idle_office_rests(office: Office) -> None:
    office.start()
    await office.until_shown(None)
    assert office.syncer is not None
    assert isinstance(office.syncer.state, Idle)


@pytest.mark.parametrize("size", [1, 60_000])
async def test_events_of_any_size_travel(office: Office, size: int) -> None:
    await office.record(3, text="ạ" * (size // 3))
    office.start()
    await office.until_delivered()
    assert len(office.province.events) == 3
