"""Blocks of events: every rule of section 4.3 about `events`."""

import time
from hashlib import shake_256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference import times_the_reference
from wire import codec
from wire.block import ChainedEvent, EventsBlock, Gone, check_against, pack, unpack
from wire.chain import Head, event_digest, extend, genesis, link
from wire.problems import Malformed, Refusal

START = genesis(bytes(32), bytes(16))
EVENTS = [b'{"n":%d}' % n for n in range(1, 6)]


def block_of(plain: bytes, *, first: int = 1, number: int = 1, **members: Any) -> EventsBlock:
    return EventsBlock(first, START.hash, number, codec.compress(plain, number, 3), **members)


def gone(seq: int, digest: bytes | None = None) -> Gone:
    digest = event_digest(b'{"n":%d}' % seq) if digest is None else digest
    return Gone(seq, digest, "2026-11-21", "a.b", "")


def reason(block: EventsBlock) -> str | None:
    try:
        unpack(block)
    except Malformed as malformed:
        return malformed.reason
    return None


def heads() -> list[Head]:
    head, chain = START, []
    for event in EVENTS:
        head = extend(head, event)
        chain.append(head)
    return chain


def test_events_come_back_in_order_with_their_place_in_the_chain() -> None:
    chained = unpack(pack(1, START.hash, EVENTS))
    assert [item.event for item in chained] == EVENTS
    assert [Head(item.seq, item.hash) for item in chained] == heads()


def test_a_block_in_the_middle_chains_from_its_prev() -> None:
    after_two = heads()[1]
    chained = unpack(pack(3, after_two.hash, EVENTS[2:]))
    assert [Head(item.seq, item.hash) for item in chained] == heads()[2:]


@given(st.sets(st.integers(1, 5)))
def test_redacted_events_at_any_place_keep_the_chain(seqs: set[int]) -> None:
    present = [event for n, event in enumerate(EVENTS, 1) if n not in seqs]
    block = pack(1, START.hash, present, gone=[gone(seq) for seq in sorted(seqs)])
    chained = unpack(block)
    assert [Head(item.seq, item.hash) for item in chained] == heads()
    assert {item.seq for item in chained if item.gone} == seqs
    assert all((item.event is None) == (item.gone is not None) for item in chained)


def test_a_block_may_hold_only_redacted_events() -> None:
    block = pack(2, heads()[0].hash, [], gone=[gone(2), gone(3)])
    assert codec.inflate(block.data, 1, 0) == b""
    assert [item.hash for item in unpack(block)] == [head.hash for head in heads()[1:3]]


def test_no_event_at_all_is_refused() -> None:
    assert reason(block_of(b"")) == "no-events"
    with pytest.raises(Malformed, match="no-events"):
        pack(1, START.hash, [])


@pytest.mark.parametrize("plain", [b"{}\n", b"\n{}", b"{}\n\n{}", b"\n"])
def test_separators_stand_between_events_only(plain: bytes) -> None:
    assert reason(block_of(plain)) == "event-separator"


@pytest.mark.parametrize("event", [b"", b"{}\n", b'{"a":\n1}'])
def test_what_cannot_be_told_apart_is_not_packed(event: bytes) -> None:
    with pytest.raises(Malformed, match="event-separator"):
        pack(1, START.hash, [b"{}", event])


@pytest.mark.parametrize("seqs", [[2, 1], [2, 2], [4], [0], [2**53]])
def test_redacted_events_ascend_within_the_block(seqs: list[int]) -> None:
    listed = tuple(gone(seq) for seq in seqs)
    assert reason(block_of(b"{}", gone=listed)) == "gone-place"
    with pytest.raises(Malformed, match="gone-place"):
        pack(1, START.hash, [b"{}"], gone=listed)


def test_the_last_place_counts_present_and_redacted_events() -> None:
    assert reason(block_of(b"{}", gone=(gone(2),))) is None
    assert reason(block_of(b"{}", gone=(gone(3),))) == "gone-place"


@pytest.mark.parametrize("first", [0, -1, 2**53])
def test_first_is_a_sequence_number(first: int) -> None:
    assert reason(block_of(b"{}", first=first)) == "seq"


def test_the_last_event_has_a_sequence_number_too() -> None:
    assert reason(block_of(b"{}", first=2**53 - 1)) is None
    assert reason(block_of(b"{}\n{}", first=2**53 - 1)) == "seq"


def test_hashes_have_32_bytes() -> None:
    assert reason(EventsBlock(1, bytes(31), 1, codec.compress(b"{}", 1, 3))) == "hash-length"
    assert reason(block_of(b"{}", gone=(gone(2, bytes(33)),))) == "hash-length"


def test_poison_is_chained_like_any_event() -> None:
    poison = [b"no json", b"\xff\x00", b" {}", b"{" * 70_000]
    chained = unpack(pack(1, START.hash, poison))
    assert [item.event for item in chained] == poison


def test_4_mib_before_compression_are_allowed_and_not_a_byte_more() -> None:
    full = [b"x" * ((4 << 20) - 1), b""]
    assert len(unpack(pack(1, START.hash, [full[0] + b"x"]))) == 1
    with pytest.raises(Malformed, match="too-large"):
        pack(1, START.hash, [full[0] + b"xx"])
    assert reason(block_of(full[0] + b"xx")) == "too-large"


def test_1_mib_after_compression_is_allowed_and_not_a_byte_more() -> None:
    assert reason(EventsBlock(1, START.hash, 1, bytes((1 << 20) + 1))) == "too-large"
    assert reason(EventsBlock(1, START.hash, 1, bytes(1 << 20))) == "frame"


def test_what_does_not_compress_below_1_mib_is_not_packed(random_bytes: bytes) -> None:
    with pytest.raises(Malformed, match="too-large"):
        pack(1, START.hash, [random_bytes.replace(b"\n", b"\r")])


@pytest.fixture
def random_bytes() -> bytes:
    return shake_256(b"not compressible").digest((1 << 20) + 100)


def test_two_blocks_of_a_message_share_the_plain_limit() -> None:
    block = pack(1, START.hash, EVENTS)
    size = len(b"\n".join(EVENTS))
    assert unpack(block, plain_limit=size)
    with pytest.raises(Malformed, match="too-large"):
        unpack(block, plain_limit=size - 1)


def test_an_unknown_codec_is_a_refusal_not_damage() -> None:
    with pytest.raises(Refusal) as refused:
        unpack(EventsBlock(1, START.hash, 7, pack(1, START.hash, EVENTS).data))
    assert refused.value.code == "codec-unknown"


def test_events_up_to_the_head_agree_with_it() -> None:
    chained = unpack(pack(1, START.hash, EVENTS))
    check_against(chained, heads()[-1])
    check_against(chained[:3], heads()[-1])
    check_against([], START)


def test_an_event_above_the_head_is_refused() -> None:
    chained = unpack(pack(1, START.hash, EVENTS))
    with pytest.raises(Malformed, match="above-head"):
        check_against(chained, heads()[-2])


def test_another_hash_at_the_head_is_refused() -> None:
    chained = unpack(pack(1, START.hash, EVENTS))
    with pytest.raises(Malformed, match="head-hash"):
        check_against(chained, Head(5, bytes(32)))


@given(
    st.lists(st.binary(min_size=1, max_size=30), max_size=12),
    st.lists(st.binary(min_size=32, max_size=32), max_size=4),
    st.sampled_from(codec.CODECS),
    st.randoms(use_true_random=False),
)
def test_any_block_round_trips(
    drawn: list[bytes], digests: list[bytes], number: int, dice: Any
) -> None:
    events = [event.replace(b"\n", b"-") for event in drawn]
    total = len(events) + len(digests)
    if not total:
        return
    places = sorted(dice.sample(range(10, 10 + total), len(digests)))
    redacted = [
        Gone(seq, digest, "d", "k", "c") for seq, digest in zip(places, digests, strict=True)
    ]
    chained = unpack(pack(10, START.hash, events, gone=redacted, codec=number))
    assert [item.event for item in chained if item.event is not None] == events
    assert [item.gone for item in chained if item.gone] == redacted
    hash_ = START.hash
    for seq, item in enumerate(chained, 10):
        hash_ = link(hash_, item.digest)
        assert item == ChainedEvent(seq, item.event, item.digest, hash_, item.gone)


@pytest.mark.timing
def test_unpacking_a_block_costs_little_more_than_hashing_its_events() -> None:
    events = [b'{"n":%d,"text":"%s"}' % (n, b"x" * 480) for n in range(8_000)]
    block = pack(1, START.hash, events)

    def only_hashed() -> None:
        head = START
        for event in events:
            head = extend(head, event)

    assert times_the_reference(lambda: unpack(block), only_hashed) < 2.5


def test_a_block_of_more_events_than_real_ones_fit_is_refused_before_they_are_looked_at() -> None:
    assert reason(block_of(b"\n".join([b"x"] * 65_536))) is None
    began = time.process_time()
    assert reason(block_of(b"x\n" * (2 << 20))) == "too-large"
    assert time.process_time() - began < 1
    assert reason(block_of(b"\n".join([b"x"] * 65_535), gone=(gone(1), gone(2)))) == "too-large"
