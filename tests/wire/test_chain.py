"""The hash chain and the ids that follow from it."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.chain import Head, event_digest, event_id, extend, genesis, link

DEVICE, JOURNAL = bytes(range(32)), bytes(range(16))


def test_an_empty_journal_has_the_hash_of_its_name() -> None:
    expected = sha256(b"commune/journal/1\0" + DEVICE + JOURNAL).digest()
    assert genesis(DEVICE, JOURNAL) == Head(0, expected)


@pytest.mark.parametrize(("device", "journal"), [(31, 17), (33, 15), (0, 48)])
def test_names_of_other_lengths_cannot_run_together(device: int, journal: int) -> None:
    with pytest.raises(ValueError, match="32 and 16"):
        genesis(bytes(device), bytes(journal))


def test_an_event_extends_the_chain_by_its_digest() -> None:
    head = extend(genesis(DEVICE, JOURNAL), b"{}")
    digest = sha256(b"\x02{}").digest()
    previous = genesis(DEVICE, JOURNAL).hash
    assert event_digest(b"{}") == digest
    assert head == Head(1, sha256(b"\x01" + previous + digest).digest())
    assert head.hash == link(previous, digest)


@given(st.binary(min_size=32, max_size=32))
def test_an_id_is_a_version_8_uuid(hash_: bytes) -> None:
    identity = event_id(hash_)
    assert identity.version == 8
    assert identity.variant == "specified in RFC 4122"
    assert identity == event_id(hash_)


def test_an_id_keeps_all_other_bits_of_its_hash() -> None:
    digest = sha256(b"commune/id/1" + DEVICE).digest()
    identity = event_id(DEVICE).bytes
    assert identity[:6] + identity[7:8] + identity[9:] == digest[:6] + digest[7:8] + digest[9:16]
    assert identity[6] & 0x0F == digest[6] & 0x0F
    assert identity[8] & 0x3F == digest[8] & 0x3F


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5), st.data())
def test_any_flipped_bit_of_any_event_changes_the_head(
    events: list[bytes], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(events) - 1))
    other = list(events)
    flipped = bytearray(other[index] or b"\0")
    flipped[0] ^= 1 << data.draw(st.integers(0, 7))
    other[index] = bytes(flipped)
    assert head_of(events) != head_of(other)


def head_of(events: list[bytes]) -> Head:
    head = genesis(DEVICE, JOURNAL)
    for event in events:
        head = extend(head, event)
    return head
