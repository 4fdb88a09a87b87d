"""Records out of a byte stream, however the stream is cut."""

from hypothesis import given
from hypothesis import strategies as st

from agent.devices.framing import RECORD_BYTES_MAX, TerminatorFramer

CARD = "001184000017|012345678|Nguyễn Thị Ngọc Hà|05031984|Nữ|Thôn 1, xã Ứng Hòa|01012022".encode()


def settled() -> TerminatorFramer:
    """Give a framer past its opening silence."""
    framer = TerminatorFramer()
    assert framer.gap() == []
    return framer


def test_a_record_ends_at_its_terminator() -> None:
    assert settled().feed(CARD + b"\r") == [CARD]


def test_two_glued_records_and_a_split_crlf_give_two_records() -> None:
    framer = settled()
    assert framer.feed(b"one\r\ntwo\r") == [b"one", b"two"]
    assert framer.feed(b"\nthree\r\n") == [b"three"]


def test_a_gap_ends_a_record_without_a_terminator() -> None:
    framer = settled()
    assert framer.feed(b"H26.107-261121-0001") == []
    assert framer.is_waiting
    assert framer.gap() == [b"H26.107-261121-0001"]
    assert not framer.is_waiting


def test_half_a_record_at_power_up_is_discarded() -> None:
    framer = TerminatorFramer()
    assert framer.feed(b"\x00\xff0017|Nguy\r" + CARD + b"\r") == [CARD]


def test_an_overlong_record_is_dropped_once_and_the_next_is_read() -> None:
    framer = settled()
    for _ in range(300):
        assert framer.feed(b"x" * 4096) == []
    assert framer.overlong == 1
    assert framer.feed(b"\r" + CARD + b"\r") == [CARD]


def test_an_overlong_record_resynchronises_at_a_gap_too() -> None:
    framer = settled()
    framer.feed(b"x" * (RECORD_BYTES_MAX + 1))
    assert framer.gap() == []
    assert framer.feed(CARD + b"\r") == [CARD]


records = st.lists(st.binary(min_size=1, max_size=60).filter(lambda b: not {10, 13} & set(b)))


@given(records, st.lists(st.integers(1, 40)), st.sampled_from([b"\r", b"\n", b"\r\n"]))
def test_any_chunking_gives_the_same_records(
    wanted: list[bytes], sizes: list[int], end: bytes
) -> None:
    stream = b"".join(record + end for record in wanted)
    framer, got = settled(), []
    for size in sizes:
        got += framer.feed(stream[:size])
        stream = stream[size:]
    got += framer.feed(stream)
    assert got == wanted


@given(st.lists(st.one_of(st.binary(max_size=9000), st.none()), max_size=30))
def test_memory_stays_bounded_whatever_comes(stream: list[bytes | None]) -> None:
    framer = TerminatorFramer()
    for part in stream:
        found = framer.gap() if part is None else framer.feed(part)
        assert all(0 < len(record) <= RECORD_BYTES_MAX for record in found)
