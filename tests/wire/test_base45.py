"""Base45, with the examples of RFC 9285."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import base45
from wire.problems import Malformed


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"AB", "BB8"),
        (b"Hello!!", "%69 VD92EX0"),
        (b"base-45", "UJCLQE7W581"),
        (b"ietf!", "QED8WEX0"),
        (b"", ""),
        (b"\xff\xff", "FGW"),
        (b"\xff", "U5"),
    ],
)
def test_the_examples_of_rfc_9285(data: bytes, text: str) -> None:
    assert base45.encode(data) == text
    assert base45.decode(text) == data


@given(st.binary(max_size=200))
def test_every_byte_string_comes_back(data: bytes) -> None:
    assert base45.decode(base45.encode(data)) == data


@pytest.mark.parametrize(
    "text", ["A", "ABCD", "GGW", ":::", "V5", "::", "aB8", "B_8", "Ứ00", "00\n"]
)
def test_no_other_text_is_read(text: str) -> None:
    with pytest.raises(Malformed, match="base45"):
        base45.decode(text)


@given(st.text(base45._ALPHABET, max_size=30))
def test_a_text_is_refused_or_is_the_one_encoding(text: str) -> None:
    try:
        data = base45.decode(text)
    except Malformed:
        return
    assert base45.encode(data) == text
