"""Short messages in the second implementation, and what both write with the same IV."""

import hashlib
from pathlib import Path

import pytest

from tests.interop.decoder import cbor_strict, plaintext, seal, short
from tests.interop.decoder.cbor_strict import Key, Value
from tests.interop.decoder.refused import Refused
from tests.interop.decoder.vectors import Vector, parse
from wire.problems import Malformed
from wire.short import SessionKeys, parse_short
from wire.short_plaintext import (
    Standing,
    decode_short_down,
    decode_short_up,
    encode_short_down,
    encode_short_up,
)

VECTORS = Path(__file__).parents[1] / "vectors"
SESSION, DEVICE_ID, IV = b"\x51" * 32, b"\x52" * 32, b"\x53" * 12
REQUEST = hashlib.sha256(b"request").digest()
STAND = {"office": b"\x01" * 16, "journal": b"\x02" * 16, "desk": b"\x03" * 16}
SHORT_UP: dict[Key, Value] = {
    "head": [0, bytes(32)],
    "cursor": [0, bytes(32)],
    "turn": bytes(8),
    "now": 1,
    "clock": "trusted",
    "budget": 1,
    "codecs": [0],
}


def test_keys_are_derived_as_rfc_5869_has_it() -> None:
    secret = short.extract(b"\x0b" * 22)
    assert secret.hex() == "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04"
    expanded = short.expand(secret, b"", 32).hex()
    assert expanded == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"


@pytest.mark.parametrize(("direction", "request_hash"), [("up", b""), ("down", REQUEST)])
def test_a_short_message_opens_as_what_it_was_sealed(direction: str, request_hash: bytes) -> None:
    sealed = seal.short(b"\xa0", direction, SESSION, DEVICE_ID, request_hash, IV)
    opened = short.open_short(sealed, direction, SESSION, DEVICE_ID, request_hash)
    assert opened == b"\xa0"
    other = "down" if direction == "up" else "up"
    with pytest.raises(Refused, match="cannot open"):
        short.open_short(sealed, other, SESSION, DEVICE_ID, b"" if other == "up" else REQUEST)


def test_what_a_short_up_leaves_out_is_put_in() -> None:
    stand = STAND | {"boot": b"\x04" * 8}
    whole = plaintext.short_up(cbor_strict.dumps(SHORT_UP), stand)
    assert whole == SHORT_UP | {"v": 1} | stand


def good(kind: str) -> dict[str, Vector]:
    """All vectors of a kind that an implementation accepts."""
    paths = sorted((VECTORS / kind).glob("*.txt"))
    found = {path.stem: parse(path.read_text("ascii")) for path in paths}
    return {name: vector for name, vector in found.items() if vector.keys["expect"] == "ok"}


GOOD, GOOD_UPS, GOOD_DOWNS = good("short"), good("short-up"), good("short-down")


def iv_of(message: bytes) -> bytes:
    sent = cbor_strict.loads(message, 16)
    assert isinstance(sent, list)
    assert isinstance(sent[1], dict)
    iv = sent[1][5]
    assert isinstance(iv, bytes)
    return iv


@pytest.mark.parametrize("name", GOOD)
def test_both_seal_a_vector_to_its_very_bytes(name: str) -> None:
    vector = GOOD[name]
    plain, iv, device_id = vector.hex("result"), iv_of(vector.payload), vector.hex("device-id")
    session, direction = vector.hex("session"), vector.keys["direction"]
    request = vector.hex("request") if direction == "down" else b""
    second = seal.short(plain, direction, session, device_id, request, iv)

    keys = SessionKeys(session)
    if direction == "up":
        first = keys.seal_up(plain, device_id=device_id, iv=iv)
    else:
        first = keys.seal_down(plain, device_id=device_id, request_hash=request, iv=iv)
    assert first == second == vector.payload


def test_the_first_opens_two_mebibytes_of_the_second_and_neither_a_byte_more() -> None:
    size = 2 * 1024 * 1024 - len(seal.short(bytes(70_000), "up", SESSION, DEVICE_ID, b"", IV))
    largest = seal.short(bytes(70_000 + size), "up", SESSION, DEVICE_ID, b"", IV)
    assert len(largest) == 2 * 1024 * 1024
    opened = SessionKeys(SESSION).open_up(parse_short(largest), device_id=DEVICE_ID)
    assert opened == short.open_short(largest, "up", SESSION, DEVICE_ID, b"")

    larger = seal.short(bytes(70_001 + size), "up", SESSION, DEVICE_ID, b"", IV)
    with pytest.raises(Malformed, match="too-large"):
        parse_short(larger)
    with pytest.raises(Refused, match="too large"):
        short.open_short(larger, "up", SESSION, DEVICE_ID, b"")


def standing(vector: Vector, boot: bytes) -> Standing:
    return Standing(vector.hex("office"), vector.hex("journal"), vector.hex("desk"), boot)


@pytest.mark.parametrize("name", GOOD_UPS)
def test_a_short_up_is_written_as_it_was_read(name: str) -> None:
    vector = GOOD_UPS[name]
    up = decode_short_up(vector.payload, standing(vector, vector.hex("boot")))
    assert encode_short_up(up) == vector.payload


@pytest.mark.parametrize("name", GOOD_DOWNS)
def test_a_short_down_is_written_as_it_was_read(name: str) -> None:
    vector = GOOD_DOWNS[name]
    down = decode_short_down(vector.payload, standing(vector, b""), vector.hex("re"))
    assert encode_short_down(down) == vector.payload
