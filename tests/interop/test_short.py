"""Short messages in the second implementation."""

import hashlib

import pytest

from tests.interop.decoder import cbor_strict, plaintext, seal, short
from tests.interop.decoder.cbor_strict import Key, Value
from tests.interop.decoder.refused import Refused

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
