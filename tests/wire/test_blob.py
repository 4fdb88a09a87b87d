"""Blobs: one chunk in memory, one answer, and nothing that was changed opens."""

import hashlib
import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import blob
from wire.blob import CHUNK_BYTES, SEALED_CHUNK_BYTES, Decryptor, Encryptor, sealed_bytes
from wire.problems import Malformed

KEY = b"\x4b" * 32
SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7)


def sealed(plain: bytes) -> bytes:
    encryptor = Encryptor(KEY)
    return encryptor.update(plain) + encryptor.finish()


def opened(data: bytes, key: bytes = KEY) -> bytes:
    decryptor = Decryptor(key)
    return decryptor.update(data) + decryptor.finish()


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(places)]


@pytest.mark.parametrize("size", SIZES)
def test_a_file_comes_back_and_its_size_was_known_before(size: int) -> None:
    plain = b"\x0a\x0b" * size
    plain = plain[:size]
    data = sealed(plain)
    assert len(data) == sealed_bytes(size)
    assert opened(data) == plain


@given(plain=st.binary(max_size=200_000), cuts=st.lists(st.integers(0, 300_000), max_size=6))
def test_however_the_bytes_come_the_blob_is_the_same(plain: bytes, cuts: list[int]) -> None:
    encryptor, decryptor = Encryptor(KEY), Decryptor(KEY)
    data = b"".join(map(encryptor.update, pieces(plain, cuts))) + encryptor.finish()
    assert data == sealed(plain)
    assert encryptor.made == (
        hashlib.sha256(data).digest(), len(data), len(plain), hashlib.sha256(plain).digest(),
    )  # fmt: skip
    back = b"".join(map(decryptor.update, pieces(data, cuts))) + decryptor.finish()
    assert back == plain


@given(size=st.sampled_from(SIZES), at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_opens_nowhere(size: int, at: int, bit: int) -> None:
    data = bytearray(sealed(bytes(size)))
    data[at % len(data)] ^= 1 << bit
    with pytest.raises(Malformed, match="blob-forged"):
        opened(bytes(data))


@given(size=st.sampled_from(SIZES), left=st.integers(0, 10**6))
def test_a_blob_that_was_cut_does_not_open(size: int, left: int) -> None:
    data = sealed(bytes(size))
    with pytest.raises(Malformed, match="blob-"):
        opened(data[: left % len(data)])


@given(size=st.sampled_from(SIZES), more=st.binary(min_size=1, max_size=70_000))
def test_nothing_may_follow_the_last_chunk(size: int, more: bytes) -> None:
    with pytest.raises(Malformed, match="blob-"):
        opened(sealed(bytes(size)) + more)


def test_chunks_in_another_order_do_not_open() -> None:
    data = sealed(bytes(2 * CHUNK_BYTES + 5))
    first, second = data[:SEALED_CHUNK_BYTES], data[SEALED_CHUNK_BYTES : 2 * SEALED_CHUNK_BYTES]
    with pytest.raises(Malformed, match="blob-forged"):
        opened(second + first + data[2 * SEALED_CHUNK_BYTES :])


def test_what_comes_back_before_the_end_is_right_already() -> None:
    plain = bytes(range(256)) * 1024
    data = sealed(plain)
    decryptor = Decryptor(KEY)
    assert decryptor.update(data[:-1]) == plain[: 3 * CHUNK_BYTES]
    with pytest.raises(Malformed, match="blob-forged"):
        decryptor.finish()


def test_a_document_larger_than_any_is_refused_on_both_sides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = sealed(bytes(CHUNK_BYTES + 2))
    monkeypatch.setattr(blob, "BLOB_PLAIN_BYTES_MAX", CHUNK_BYTES + 1)
    with pytest.raises(Malformed, match="blob-size"):
        Encryptor(KEY).update(bytes(CHUNK_BYTES + 2))
    with pytest.raises(Malformed, match="blob-size"):
        opened(data)


def test_a_large_file_passes_through_little_memory() -> None:
    encryptor, decryptor, back = Encryptor(KEY), Decryptor(KEY), hashlib.sha256()
    piece = bytes(1 << 16)
    tracemalloc.start()
    for _ in range(320):  # 20 MiB
        back.update(decryptor.update(encryptor.update(piece)))
    back.update(decryptor.update(encryptor.finish()) + decryptor.finish())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert back.digest() == encryptor.made.plain_sha256
    assert peak < 2 << 20
