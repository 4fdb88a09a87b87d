"""Short messages: what opens, and everything that does not (docs/protocol.md section 4.2)."""

from __future__ import annotations

import hmac
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.samples import DEVICE, STRANGER, a_down, an_up
from wire import cbor, short_plaintext
from wire.limits import MESSAGE_BYTES_MAX
from wire.problems import Malformed
from wire.short import SessionKeys, is_short, parse_short
from wire.short_plaintext import Standing

SESSION = bytes(range(32))
KEYS = SessionKeys(SESSION)
IV = bytes(range(100, 112))
REQUEST = sha256(b"the whole request").digest()


def seal(text: bytes = b"hello") -> bytes:
    return KEYS.seal_up(text, device_id=DEVICE.key_id, iv=IV)


def read(data: bytes, keys: SessionKeys = KEYS, device_id: bytes = DEVICE.key_id) -> bytes:
    return keys.open_up(parse_short(data), device_id=device_id)


@given(st.binary(max_size=2_000), st.binary(min_size=32, max_size=32))
@settings(max_examples=30)
def test_what_was_sealed_is_opened(text: bytes, session: bytes) -> None:
    keys = SessionKeys(session)
    up = keys.seal_up(text, device_id=DEVICE.key_id, iv=IV)
    assert read(up, keys) == text
    down = keys.seal_down(text, device_id=DEVICE.key_id, request_hash=REQUEST, iv=IV)
    opened = keys.open_down(parse_short(down), device_id=DEVICE.key_id, request_hash=REQUEST)
    assert opened == text


def hkdf(info: str, size: int) -> bytes:
    """RFC 5869 by hand: one block of HMAC is enough for 32 bytes."""
    secret = hmac.digest(bytes(32), SESSION, sha256)
    return hmac.digest(secret, info.encode() + b"\x01", sha256)[:size]


def test_the_bytes_are_those_of_the_page() -> None:
    # Built here from the words of section 4.2 alone, with none of the writer's functions.
    kid, key = hkdf("commune/session/1/kid", 8), hkdf("commune/session/1/up", 32)
    protected = cbor.encode({1: 3, 4: kid})
    external = cbor.encode(["commune/short/1", "up", DEVICE.key_id, b""])
    aad = cbor.encode(["Encrypt0", protected, external])
    body = AESGCM(key).encrypt(IV, b"hello", aad)
    assert seal() == b"\xd0" + cbor.encode([protected, {5: IV}, body])
    assert KEYS.kid == kid


def test_an_answer_opens_only_for_its_request() -> None:
    down = KEYS.seal_down(b"hello", device_id=DEVICE.key_id, request_hash=REQUEST, iv=IV)
    with pytest.raises(Malformed, match="cannot-open"):
        KEYS.open_down(parse_short(down), device_id=DEVICE.key_id, request_hash=bytes(32))


def test_a_message_is_no_answer_and_an_answer_no_message() -> None:
    down = KEYS.seal_down(b"hello", device_id=DEVICE.key_id, request_hash=REQUEST, iv=IV)
    with pytest.raises(Malformed, match="cannot-open"):
        read(down)
    with pytest.raises(Malformed, match="cannot-open"):
        KEYS.open_down(parse_short(seal()), device_id=DEVICE.key_id, request_hash=REQUEST)


def test_another_session_or_another_device_opens_nothing() -> None:
    with pytest.raises(Malformed, match="cannot-open"):
        read(seal(), SessionKeys(bytes(32)))
    with pytest.raises(Malformed, match="cannot-open"):
        read(seal(), device_id=STRANGER.key_id)


def test_an_answer_under_another_name_is_refused_though_its_key_is_right() -> None:
    aad = cbor.encode(["commune/short/1", "up", DEVICE.key_id, b""])
    protected = cbor.encode({1: 3, 4: bytes(8)})
    bound = cbor.encode(["Encrypt0", protected, aad])
    body = AESGCM(hkdf("commune/session/1/up", 32)).encrypt(IV, b"hello", bound)
    with pytest.raises(Malformed, match="cannot-open"):
        read(cbor.encode([protected, {5: IV}, body], tag=16))


def test_an_envelope_costs_48_bytes() -> None:
    assert len(seal(b"")) == 48


def test_every_flipped_bit_is_refused() -> None:
    data = seal()
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        # A flipped kid names another session, which this key is not tried on; opening fails too.
        with pytest.raises(Malformed):
            read(bytes(flipped))


@pytest.mark.parametrize("cut", range(0, 48, 7))
def test_a_message_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(Malformed):
        parse_short(seal()[:cut])


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        ("too-large", seal() + bytes(MESSAGE_BYTES_MAX)),
        ("trailing-bytes", seal() + b"\x00"),
        ("tag", cbor.encode([cbor.encode({1: 3, 4: KEYS.kid}), {5: IV}, bytes(16)], tag=18)),
        ("shape", cbor.encode([cbor.encode({1: 3, 4: KEYS.kid}), {5: IV}], tag=16)),
        ("shape", cbor.encode([cbor.encode({1: 3, 4: KEYS.kid}), {5: IV}, bytes(15)], tag=16)),
        ("shape", cbor.encode([cbor.encode({1: 3, 4: bytes(9)}), {5: IV}, bytes(16)], tag=16)),
        ("algorithm", cbor.encode([cbor.encode({1: 1, 4: KEYS.kid}), {5: IV}, bytes(16)], tag=16)),
        ("header-missing", cbor.encode([cbor.encode({1: 3}), {5: IV}, bytes(16)], tag=16)),
        (
            "header-unknown",
            cbor.encode([cbor.encode({1: 3, 4: KEYS.kid, 5: IV}), {}, bytes(16)], tag=16),
        ),
        ("header-unknown", cbor.encode([cbor.encode({1: 3, 4: KEYS.kid}), {}, bytes(16)], tag=16)),
        (
            "header-unknown",
            cbor.encode([cbor.encode({1: 3, 4: KEYS.kid}), {5: IV[1:]}, bytes(16)], tag=16),
        ),
        (
            "header-unknown",
            cbor.encode([cbor.encode({1: 3, 4: KEYS.kid}), {5: IV, 6: b""}, bytes(16)], tag=16),
        ),
    ],
)
def test_another_shape_is_refused(reason: str, data: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        parse_short(data)
    assert refused.value.reason == reason


def test_full_and_short_are_told_apart_by_their_first_byte() -> None:
    assert is_short(seal())
    assert not is_short(b"\xd2" + seal()[1:])
    assert not is_short(b"")


def test_keys_are_never_shown() -> None:
    shown = repr(KEYS)
    assert shown == f"SessionKeys({KEYS.kid.hex()})"
    with pytest.raises(ValueError, match="32 bytes"):
        SessionKeys(bytes(16))


# --- what it says once it is open ---------------------------------------------------------------

STANDING = Standing(an_up().office, an_up().journal, an_up().desk, an_up().boot)


def test_a_short_up_leaves_out_what_its_session_said() -> None:
    up = an_up()
    text = short_plaintext.encode_short_up(up)
    assert short_plaintext.decode_short_up(text, STANDING) == up
    said = cbor.decode(text)
    assert isinstance(said, dict)
    assert not said.keys() & {"v", "office", "journal", "desk", "boot", "session"}


def test_a_short_down_leaves_out_what_binds_it_anyway() -> None:
    down = a_down()
    text = short_plaintext.encode_short_down(down)
    standing = Standing(down.office, down.journal, down.desk, bytes(8))
    assert short_plaintext.decode_short_down(text, standing, down.re) == down
    said = cbor.decode(text)
    assert isinstance(said, dict)
    assert not said.keys() & {"v", "re", "office", "journal", "desk", "session"}


@pytest.mark.parametrize("name", sorted(short_plaintext.UP_LEFT_OUT))
def test_a_short_up_that_repeats_it_is_refused(name: str) -> None:
    text = cbor.encode({**_members(short_plaintext.encode_short_up(an_up())), name: 1})
    with pytest.raises(Malformed, match=f"member-unexpected: up.{name}"):
        short_plaintext.decode_short_up(text, STANDING)


@pytest.mark.parametrize("name", sorted(short_plaintext.DOWN_LEFT_OUT))
def test_a_short_down_that_repeats_it_is_refused(name: str) -> None:
    text = cbor.encode({**_members(short_plaintext.encode_short_down(a_down())), name: 1})
    with pytest.raises(Malformed, match=f"member-unexpected: down.{name}"):
        short_plaintext.decode_short_down(text, STANDING, bytes(32))


def test_a_short_plaintext_is_a_map() -> None:
    with pytest.raises(Malformed, match="member-type: up"):
        short_plaintext.decode_short_up(cbor.encode([]), STANDING)


def test_a_member_of_a_later_version_survives() -> None:
    text = cbor.encode({**_members(short_plaintext.encode_short_up(an_up())), "mood": "good"})
    up = short_plaintext.decode_short_up(text, STANDING)
    assert up.extra == {"mood": "good"}
    assert short_plaintext.encode_short_up(up) == text


def _members(text: bytes) -> dict[cbor.Key, cbor.Value]:
    members = cbor.decode(text)
    assert isinstance(members, dict)
    return members
