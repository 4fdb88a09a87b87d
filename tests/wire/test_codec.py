"""One plain zstd frame, and nothing else, through either codec."""

import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from wire import codec
from wire.problems import Malformed, Refusal

LIMIT = 1 << 20
EVENT = b'{"kind":"visit.checked_in","at":"2026-11-21T08:31:05+07:00","actor":"lan.nt"}'
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"


def reason(frame: bytes, number: int = 1, limit: int = LIMIT) -> str | None:
    try:
        codec.inflate(frame, number, limit)
    except Malformed as malformed:
        return malformed.reason
    return None


def frame_of(data: bytes, **options: bool) -> bytes:
    dictionary = zstandard.ZstdCompressionDict(codec.D1)
    chosen: dict[str, Any] = {"write_dict_id": False, "write_checksum": False, **options}
    return zstandard.ZstdCompressor(dict_data=dictionary, **chosen).compress(data)


def test_the_dictionary_is_the_one_the_protocol_names() -> None:
    assert len(codec.D1) == 32 << 10
    assert sha256(codec.D1).digest() == codec.D1_SHA256


@given(st.binary(max_size=300), st.sampled_from(codec.CODECS), st.sampled_from([1, 3, 19]))
def test_what_is_compressed_is_inflated_alike(data: bytes, number: int, level: int) -> None:
    frame = codec.compress(data, number, level)
    assert codec.inflate(frame, number, len(data)) == data
    assert codec.compress(data, number, level) == frame


@pytest.mark.parametrize("number", codec.CODECS)
@pytest.mark.parametrize("level", [3, 19])
def test_frames_state_their_size_and_carry_neither_checksum_nor_dictionary_id(
    number: int, level: int
) -> None:
    frame = codec.compress(EVENT * 1_000, number, level)
    header = zstandard.get_frame_parameters(frame)
    assert header.content_size == len(EVENT) * 1_000
    assert (header.dict_id, header.has_checksum) == (0, False)
    assert header.window_size <= 4 << 20


def test_the_largest_block_stays_within_the_window_at_every_level() -> None:
    block = (EVENT * (4 << 20))[: 4 << 20]
    for level in (1, 3):
        frame = codec.compress(block, 1, level)
        assert codec.inflate(frame, 1, 4 << 20) == block


def test_the_dictionary_pays_from_the_first_event() -> None:
    assert len(codec.compress(EVENT, 1, 3)) < len(codec.compress(EVENT, 0, 19)) / 2


@pytest.mark.parametrize("number", [2, 255, -1])
def test_an_unknown_codec_is_refused_by_name(number: int) -> None:
    with pytest.raises(Refusal) as refused:
        codec.inflate(codec.compress(b"x", 0, 3), number, LIMIT)
    assert refused.value.code == "codec-unknown"
    with pytest.raises(Refusal):
        codec.compress(b"x", number, 3)


def test_a_frame_without_size_is_refused_before_inflating() -> None:
    assert reason(frame_of(EVENT, write_content_size=False)) == "frame-size"


def test_a_checksum_is_refused() -> None:
    assert reason(frame_of(EVENT, write_checksum=True)) == "frame-checksum"


def test_a_dictionary_id_is_refused() -> None:
    assert reason(frame_of(EVENT, write_dict_id=True)) == "frame-dictionary-id"


def test_a_dictionary_id_of_zero_is_refused_as_well() -> None:
    # A descriptor that announces one byte of id, then that byte, zero, before the size.
    frame = bytearray(codec.compress(EVENT, 0, 3))
    frame[4] |= 0b01
    frame.insert(5, 0)
    assert zstandard.get_frame_parameters(bytes(frame)).dict_id == 0
    assert reason(bytes(frame), 0) == "frame-dictionary-id"


@pytest.mark.parametrize(
    ("descriptor", "rest"),
    [(0b0000_1000, bytes(9)), (0b1110_0000, b"\x01")],
    ids=["a reserved bit", "a size cut short"],
)
def test_a_header_that_cannot_be_read_is_refused(descriptor: int, rest: bytes) -> None:
    assert reason(b"\x28\xb5\x2f\xfd" + bytes([descriptor]) + rest) == "frame"


def test_a_window_beyond_4_mib_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(
        window_log=23, write_content_size=True, write_dict_id=False
    )
    frame = zstandard.ZstdCompressor(compression_params=parameters).compress(bytes(9 << 20))
    assert reason(frame, 0, 16 << 20) == "frame-window"


def test_a_size_above_the_limit_is_refused_before_inflating() -> None:
    assert reason(codec.compress(bytes(LIMIT), 1, 3)) is None
    assert reason(codec.compress(bytes(LIMIT + 1), 1, 3)) == "too-large"


@pytest.mark.parametrize("behind", [b"\0", b"\n", SKIPPABLE, codec.compress(EVENT, 1, 3)], ids=repr)
def test_nothing_may_follow_the_frame(behind: bytes) -> None:
    assert reason(codec.compress(EVENT, 1, 3) + behind) == "trailing-bytes"
    assert reason(codec.compress(b"", 1, 3) + behind) == "trailing-bytes"


@pytest.mark.parametrize("data", [b"", b"\x28\xb5\x2f\xfd", SKIPPABLE, SKIPPABLE * 2, EVENT])
def test_what_is_no_zstd_frame_is_refused(data: bytes) -> None:
    assert reason(data) == "frame"


def test_a_skippable_frame_before_it_is_refused() -> None:
    assert reason(SKIPPABLE + codec.compress(EVENT, 1, 3)) == "frame"


def test_every_truncation_is_refused() -> None:
    frame = codec.compress(EVENT, 1, 3)
    assert {reason(frame[:end]) for end in range(len(frame))} <= {"frame", "frame-size"}


@pytest.mark.parametrize("stated", [0, 1, 76, 78, 255])
def test_another_length_than_stated_is_refused(stated: int) -> None:
    frame = bytearray(codec.compress(EVENT, 0, 3))
    assert frame[5] == len(EVENT) == 77
    frame[5] = stated
    assert reason(bytes(frame), 0) in {"frame", "trailing-bytes"}


def test_no_content_is_one_frame_of_nine_bytes() -> None:
    assert codec.compress(b"", 1, 19).hex() == "28b52ffd2000010000"
    assert codec.inflate(codec.compress(b"", 1, 3), 1, 0) == b""


def test_a_frame_that_hides_content_behind_a_size_of_zero_is_refused() -> None:
    assert reason(bytes.fromhex("28b52ffd20000900006c")) == "frame"


@given(st.data())
def test_a_flipped_bit_is_refused_or_still_bounded(data: st.DataObject) -> None:
    frame = bytearray(codec.compress(EVENT, 1, 3))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(Malformed):
        assert len(codec.inflate(bytes(frame), 1, 1_000)) <= 1_000


def test_threads_share_the_dictionary_but_nothing_else() -> None:
    blocks = [EVENT * (n + 1) for n in range(200)]
    with ThreadPoolExecutor(4) as threads:
        frames = list(threads.map(lambda block: codec.compress(block, 1, 3), blocks))
        again = list(threads.map(lambda frame: codec.inflate(frame, 1, LIMIT), frames))
    assert again == blocks


BOMBS = {
    "honest size, 4 GiB": "frame(4 << 30)",
    "honest size, just too large": "frame((4 << 20) + 1)",
    "no size": "frame(None)",
    "understated": "frame(4 << 20)",
    "states nothing": "frame(0)",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_less_than_64_mb_and_a_second(name: str) -> None:
    """1 MiB of blocks that repeat one byte: 32 GiB, whatever the header says."""
    program = f"""
        import resource, struct, time
        from wire import codec
        from wire.problems import Malformed

        def frame(size):
            blocks = struct.pack("<I", (128 << 10) << 3 | 0b010)[:3] + b"x"
            if size is None:
                return b"\\x28\\xb5\\x2f\\xfd\\x00\\x60" + blocks * (1 << 18)
            return b"\\x28\\xb5\\x2f\\xfd\\xc0\\x60" + struct.pack("<Q", size) + blocks * (1 << 18)

        bomb = {BOMBS[name]}
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        try:
            codec.inflate(bomb, 0, 4 << 20)
        except Malformed as malformed:
            reason = malformed.reason
        seconds = time.process_time() - start
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(reason, seconds, grown)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    reason, seconds, grown_kib = run.stdout.split()
    assert reason in {"too-large", "frame", "frame-size", "frame-window"}
    assert float(seconds) < 1
    assert int(grown_kib) < 64 << 10
