"""Lines come out of a stream whole, numbered and bounded, however it is cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.web.ndjson import Line, LineCounter, LineSplitter

LIMIT = 32


def split(text: bytes, sizes: list[int]) -> list[Line]:
    splitter, lines, start = LineSplitter(LIMIT), [], 0
    for size in sizes:
        lines += splitter.feed(text[start : start + size])
        start += size
    lines += splitter.feed(text[start:])
    return lines + splitter.finish()


def expected(text: bytes) -> list[Line]:
    found = [
        Line(number, line if len(line) <= LIMIT else None)
        for number, line in enumerate(text.split(b"\n"), 1)
    ]
    return [line for line in found if line.data is None or line.data.strip()]


pieces = st.lists(st.sampled_from([b"\n", b" ", b"\r\n", b"{}", b"x" * 20, b"y" * 40]), max_size=30)


@given(pieces.map(b"".join), st.lists(st.integers(1, 50), max_size=20))
def test_cutting_a_stream_anywhere_changes_nothing(text: bytes, sizes: list[int]) -> None:
    assert split(text, sizes) == expected(text)


@given(pieces.map(b"".join), st.integers(1, 9))
def test_the_sender_counts_the_lines_that_will_be_answered(text: bytes, size: int) -> None:
    counter = LineCounter()
    for start in range(0, len(text), size):
        counter.feed(text[start : start + size])
    counter.finish()
    assert counter.answerable == len(expected(text))


def test_blank_lines_count_but_are_not_handed_on() -> None:
    assert split(b'\n  \n{"a":1}\r\n\n', []) == [Line(3, b'{"a":1}\r')]
    assert json.loads(b'{"a":1}\r') == {"a": 1}


def test_a_line_without_an_end_is_never_held_beyond_the_bound() -> None:
    splitter = LineSplitter(LIMIT)
    for _ in range(1000):
        assert splitter.feed(b"z" * 1000) == []
        assert sum(map(len, splitter._held)) <= LIMIT
    assert splitter.feed(b"\n{}\n") == [Line(1, None), Line(2, b"{}")]


@pytest.mark.parametrize("text", [b"", b"\n", b" \n "])
def test_nothing_said_is_nothing_heard(text: bytes) -> None:
    assert split(text, []) == []
