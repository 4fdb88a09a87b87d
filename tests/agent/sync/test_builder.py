"""What one message holds: sizes, cuts, forgotten events."""

from __future__ import annotations

import secrets

import pytest

from agent.sync.builder import Builder, Extras, pack_within
from agent.sync.pacing import Batch
from agent.sync.receipts import following
from agent.sync.session import Envelope
from agent.sync.store import NO_TURN, Outgoing, read_outgoing
from tests.agent.sync.conftest import Office, TestClock
from tests.agent.sync.province import FakeProvince
from wire import chain
from wire.block import Gone, pack, unpack
from wire.chain import Head
from wire.problems import Malformed

BATCH = Batch(packed_bytes=64_000, plain_bytes=1 << 20, level=3)
START = Head(4, bytes(32))


def event(size: int = 200) -> bytes:
    return b'{"note":"' + secrets.token_hex(size // 2).encode() + b'"}'


def outgoing(*items: bytes | Gone, start: Head = START) -> Outgoing:
    head = Head(start.seq + len(items), bytes(32))
    return Outgoing(start, head, Head(0, bytes(32)), NO_TURN, items)


def test_nothing_to_send_is_no_block() -> None:
    packed = pack_within(outgoing(), BATCH)
    assert (packed.block, packed.count, packed.packed_bytes) == (None, 0, 0)


def test_what_fits_goes_whole() -> None:
    events = [event() for _ in range(50)]
    packed = pack_within(outgoing(*events), BATCH)
    assert packed.block is not None
    assert packed.block.first == 5
    assert [item.event for item in unpack(packed.block)] == events
    assert packed.plain_bytes == sum(map(len, events)) + 50


def test_what_comes_out_much_too_large_is_cut_and_the_rest_waits() -> None:
    events = [event(4_000) for _ in range(100)]
    packed = pack_within(outgoing(*events), BATCH)
    assert packed.block is not None
    assert 0 < packed.count < 100
    assert packed.packed_bytes <= 2 * BATCH.packed_bytes
    assert [item.event for item in unpack(packed.block)] == events[: packed.count]


def test_more_than_a_mebibyte_is_halved() -> None:
    events = [event(60_000) for _ in range(60)]
    packed = pack_within(outgoing(*events), Batch(1 << 20, 4 << 20, 3))
    assert 0 < packed.packed_bytes <= 1 << 20
    assert packed.count == 30


def test_one_event_travels_however_badly_it_packs() -> None:
    packed = pack_within(outgoing(event(60_000), event(60_000)), Batch(2_048, 24_576, 19))
    assert packed.count == 1


def test_an_event_that_can_never_travel_is_named_not_dropped() -> None:
    with pytest.raises(Malformed):
        pack_within(outgoing(b"two\nlines"), BATCH)


def test_a_forgotten_event_travels_as_what_is_left_of_it() -> None:
    gone = Gone(6, secrets.token_bytes(32), "2026-11-21", "visit.checked_in", "")
    packed = pack_within(outgoing(event(), gone, event()), BATCH)
    assert packed.block is not None
    assert [item.gone for item in unpack(packed.block)] == [None, gone, None]


def test_a_message_that_mends_shows_both_turns() -> None:
    province = FakeProvince()
    builder = Builder(province.enrolment(), TestClock())
    remembered = Outgoing(province.genesis, province.genesis, province.desk.head, b"remember", ())
    built = builder.build(remembered, BATCH, Extras(mending=b"answered"), Envelope())
    up = province.open(built.message)
    assert (up.turn, up.was) == (b"answered", b"remember")
    assert built.load.up_bytes == len(built.message)
    assert built.last_seq == 0


async def test_a_batch_is_read_up_to_its_size_and_no_further(office: Office) -> None:
    await office.record(100, text="x" * 900)
    start = office.journal.delivered
    read = await office.journal.read(lambda conn: read_outgoing(conn, start, 10_000))
    assert 9 <= len(read.items) <= 11
    assert read.head == office.journal.head


async def test_forgotten_events_are_read_with_their_digests(office: Office) -> None:
    await office.record(3)
    digest = secrets.token_bytes(32)

    await office.journal.write(
        lambda transaction: (
            transaction.conn.execute(
                "INSERT INTO gone SELECT pos, ?, '2026-11-21', 'office.noted', '' FROM event"
                " WHERE seq = 2",
                (digest,),
            ),
            transaction.conn.execute("UPDATE event SET body = NULL WHERE seq = 2"),
        )
    )
    start = office.journal.delivered
    read = await office.journal.read(lambda conn: read_outgoing(conn, start, 10_000))
    assert read.items[1] == Gone(2, digest, "2026-11-21", "office.noted", "")


def test_desk_events_are_taken_from_where_the_head_is() -> None:
    genesis = chain.genesis(bytes(32), bytes(16))
    events = [event() for _ in range(4)]
    heads = [genesis]
    for one in events:
        heads.append(chain.extend(heads[-1], one))
    desk = unpack(pack(2, heads[1].hash, events[1:]))
    prev = heads[1].hash
    assert [e.seq for e in following(desk, prev, heads[1])] == [2, 3, 4]
    assert [e.seq for e in following(desk, prev, heads[3])] == [4]
    assert following(desk, prev, heads[4]) == ()
    assert following(desk, prev, heads[0]) == ()
    assert following(desk, prev, Head(1, bytes(32))) == ()
    assert following(desk, prev, Head(3, bytes(32))) == ()
    assert following((), prev, heads[1]) == ()
