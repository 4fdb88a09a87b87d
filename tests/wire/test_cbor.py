"""Deterministic CBOR: one encoding a value, and every other one refused with its reason."""

import math
import sys
from datetime import UTC, datetime

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.samples import values
from wire import cbor
from wire.limits import CBOR_ITEMS_MAX
from wire.problems import Malformed

REFUSED = {
    "nothing at all": ("", "truncated"),
    "a length without its bytes": ("19 01", "truncated"),
    "a byte string cut short": ("43 0102", "truncated"),
    "a text string cut short": ("63 6162", "truncated"),
    "an array cut short": ("82 01", "truncated"),
    "a map cut short": ("a1 01", "truncated"),
    "a length beyond all memory": ("5b ffffffffffffffff", "truncated"),
    "an array longer than its input": ("9b 0020000000000000", "truncated"),
    "a byte behind the value": ("00 00", "trailing-bytes"),
    "a small integer in two bytes": ("18 17", "not-shortest"),
    "an integer in three bytes that fits two": ("19 00ff", "not-shortest"),
    "an integer in five bytes that fits three": ("1a 0000ffff", "not-shortest"),
    "an integer in nine bytes that fits five": ("1b 00000000ffffffff", "not-shortest"),
    "a long length of a byte string": ("58 01 00", "not-shortest"),
    "a long length of a map": ("b8 00", "not-shortest"),
    "2^53": ("1b 0020000000000000", "integer-too-large"),
    "-2^53": ("3b 001fffffffffffff", "integer-too-large"),
    "a byte string in pieces": ("5f 41 00 ff", "indefinite-length"),
    "a text string in pieces": ("7f 61 61 ff", "indefinite-length"),
    "an open array": ("9f 00 ff", "indefinite-length"),
    "an open map": ("bf 00 00 ff", "indefinite-length"),
    "a stop alone": ("ff", "indefinite-length"),
    "a reserved length": ("1c", "reserved-length"),
    "an integer of indefinite length": ("1f", "reserved-length"),
    "a half float": ("f9 3c00", "float"),
    "a float": ("fa 3f800000", "float"),
    "a double": ("fb 3ff0000000000000", "float"),
    "undefined": ("f7", "simple-value"),
    "an unassigned simple value": ("e0", "simple-value"),
    "a simple value in two bytes": ("f8 20", "simple-value"),
    "text that is no UTF-8": ("62 c328", "not-utf8"),
    "text with a surrogate": ("63 eda080", "not-utf8"),
    "an array as a key": ("a1 80 00", "key-type"),
    "a map as a key": ("a1 a0 00", "key-type"),
    "true as a key": ("a1 f5 00", "key-type"),
    "a key twice": ("a2 6161 00 6161 01", "duplicate-key"),
    "keys out of order": ("a2 6162 00 6161 00", "key-order"),
    "keys sorted as RFC 7049 did": ("a2 613a 00 1903e8 00", "key-order"),
    "a shorter key after a longer one": ("a2 626161 00 6162 00", "key-order"),
    "a date": ("c1 00", "tag"),
    "a bignum": ("c2 41 00", "tag"),
    "a shared value": ("d81c 80", "tag"),
    "a regular expression": ("d823 6161", "tag"),
    "the self-describing tag": ("d9d9f7 00", "tag"),
    "a tag on a key": ("a1 c1 00 00", "key-type"),
    "a message where plain CBOR is expected": ("d2 80", "tag"),
}


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refuses_with_its_reason(case: str) -> None:
    data, reason = REFUSED[case]
    with pytest.raises(Malformed) as refused:
        cbor.decode(bytes.fromhex(data))
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "00"),
        (23, "17"),
        (24, "1818"),
        (255, "18ff"),
        (256, "190100"),
        (65_536, "1a00010000"),
        (2**32, "1b0000000100000000"),
        (2**53 - 1, "1b001fffffffffffff"),
        (-1, "20"),
        (-19, "32"),
        (-65_793, "3a00010100"),
        (-(2**53 - 1), "3b001ffffffffffffe"),
        (b"", "40"),
        ("hồ sơ", "68" + "hồ sơ".encode().hex()),
        (True, "f5"),
        (False, "f4"),
        (None, "f6"),
        ([1, [b"\x02"]], "82018141" + "02"),
        ({"b": 1, "a": 2, 10: 3, -1: 4, b"": 5, "aa": 6}, "a60a032004400561610261620162616106"),
    ],
)
def test_one_encoding_a_value(value: cbor.Value, encoded: str) -> None:
    assert cbor.encode(value).hex() == encoded
    assert cbor.decode(bytes.fromhex(encoded)) == value


def test_key_order_is_that_of_8949_not_of_7049() -> None:
    # 7049 sorts by length first: 0x20, 0x613a, 0x1903e8; 8949 by the bytes alone.
    assert cbor.encode({":": 0, 1000: 0, -1: 0}).hex() == "a31903e8002000613a00"


def test_eight_arrays_may_nest_and_nine_may_not() -> None:
    assert cbor.decode(b"\x81" * 8 + b"\x00") == [[[[[[[[0]]]]]]]]
    with pytest.raises(Malformed, match="too-deep"):
        cbor.decode(b"\x81" * 8 + b"\x80")
    with pytest.raises(Malformed, match="too-deep"):
        cbor.decode(b"\xa1\x00" * 8 + b"\xa0")


def test_the_writer_nests_no_deeper_than_the_reader() -> None:
    assert cbor.encode([[[[[[[[0]]]]]]]]) == b"\x81" * 8 + b"\x00"
    with pytest.raises(ValueError, match="too deep"):
        cbor.encode([[[[[[[[[]]]]]]]]])


def test_an_array_that_states_too_many_items_is_refused_before_it_is_built() -> None:
    count = CBOR_ITEMS_MAX + 1
    with pytest.raises(Malformed, match="too-many-items"):
        cbor.decode(b"\x9a" + count.to_bytes(4, "big") + b"\x80" * count)


def test_items_of_nested_arrays_count_together() -> None:
    half = CBOR_ITEMS_MAX // 2
    inner = b"\x9a" + half.to_bytes(4, "big") + b"\x00" * half
    with pytest.raises(Malformed, match="too-many-items"):
        cbor.decode(b"\x82" + inner + inner)


def test_the_worst_that_may_be_built_stays_small() -> None:
    nested = b"\x9a" + (CBOR_ITEMS_MAX - 1).to_bytes(4, "big") + b"\xa0" * (CBOR_ITEMS_MAX - 1)
    built = cbor.decode(nested)
    assert isinstance(built, list)
    held_bytes = sys.getsizeof(built) + sum(sys.getsizeof(item) for item in built)
    assert held_bytes < 32 << 20


@pytest.mark.parametrize(
    "value",
    [1.0, math.nan, object(), datetime.now(UTC), {1, 2}, bytearray(1), {1.5: 0}, {True: 0}],
    ids=["float", "nan", "object", "datetime", "set", "bytearray", "float key", "bool key"],
)
def test_the_writer_refuses_what_the_protocol_has_no_place_for(value: object) -> None:
    with pytest.raises(TypeError):
        cbor.encode(value)


@pytest.mark.parametrize("value", [2**53, -(2**53), "\ud800"], ids=repr)
def test_the_writer_refuses_values_nobody_could_read(value: object) -> None:
    with pytest.raises(ValueError):
        cbor.encode(value)


def test_a_tag_stands_outermost_where_it_is_named() -> None:
    assert cbor.encode([], tag=18).hex() == "d280"
    assert cbor.decode(b"\xd2\x80", tag=18) == []
    for data in (b"\x80", b"\xd0\x80", b"\xd2\xd2\x80"):
        with pytest.raises(Malformed, match="tag"):
            cbor.decode(data, tag=18)


@given(values)
def test_every_value_comes_back_and_the_oracle_agrees(value: cbor.Value) -> None:
    data = cbor.encode(value)
    assert cbor.decode(data) == value
    assert cbor2.loads(data, allow_indefinite=False, allow_duplicate_keys=False) == value


@given(values, st.data())
def test_what_is_read_is_what_would_be_written(value: cbor.Value, data: st.DataObject) -> None:
    changed = bytearray(cbor.encode(value))
    bit = data.draw(st.integers(0, 8 * len(changed) - 1))
    changed[bit // 8] ^= 1 << bit % 8
    _read_and_written_alike(bytes(changed))


@given(st.binary(max_size=40))
def test_any_bytes_are_refused_or_are_the_one_encoding(data: bytes) -> None:
    _read_and_written_alike(data)


@given(values, st.binary(min_size=1, max_size=3))
def test_cut_short_or_longer_is_refused(value: cbor.Value, more: bytes) -> None:
    data = cbor.encode(value)
    with pytest.raises(Malformed, match="truncated"):
        cbor.decode(data[:-1])
    with pytest.raises(Malformed, match="trailing-bytes"):
        cbor.decode(data + more)


def _read_and_written_alike(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except Malformed:
        return
    assert cbor.encode(value) == data
    assert cbor2.loads(data) == value
