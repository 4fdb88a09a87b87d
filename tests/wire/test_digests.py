"""Counting days on both sides, so that a difference names the day."""

import json
from functools import reduce
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import cbor
from wire.digests import (
    DayRow,
    DayTally,
    day_kind_channel,
    days_digest,
    decode_days,
    encode_days,
    event_mark,
    words,
)
from wire.problems import Malformed

ROW = DayRow("2026-11-21", "dossier.received", "direct", 12, bytes(8))


def test_a_mark_names_device_journal_place_and_hash() -> None:
    expected = sha256(b"d" * 32 + b"j" * 16 + b"\0\0\0\0\0\0\1\2" + b"h" * 32).digest()
    assert event_mark(b"d" * 32, b"j" * 16, 258, b"h" * 32) == expected


@given(st.lists(st.tuples(st.sampled_from("ab"), st.binary(min_size=32, max_size=32))))
def test_a_row_has_the_xor_of_its_marks(items: list[tuple[str, bytes]]) -> None:
    tally = DayTally()
    for kind, mark in items:
        tally.add("2026-11-21", kind, "", mark)
    for row in tally.rows():
        marks = [int.from_bytes(mark, "big") for kind, mark in items if kind == row.kind]
        xor = reduce(lambda left, right: left ^ right, marks).to_bytes(32, "big")
        assert (row.count, row.digest) == (len(marks), xor[:8])


@given(st.lists(st.tuples(st.sampled_from("ab"), st.binary(min_size=32, max_size=32))))
def test_counting_in_parts_and_merging_is_counting_at_once(items: list[tuple[str, bytes]]) -> None:
    whole, merged = DayTally(), DayTally()
    for day, mark in items:
        whole.add(day, "k", "", mark)
        part = DayTally()
        part.add(day, "k", "", mark)
        merged.merge(part.rows())
    assert merged.rows() == whole.rows()


def test_rows_are_sorted_as_utf8_bytes() -> None:
    tally = DayTally()
    names = ["\U0001f600", "\uffee", "a", "B", ""]
    for name in names:
        tally.add("2026-11-21", name, "", bytes(32))
    assert [row.kind for row in tally.rows()] == sorted(names, key=str.encode)


def test_days_travel_as_sorted_arrays() -> None:
    other = DayRow("2026-11-20", "visit.checked_in", "", 1, b"12345678")
    encoded = encode_days([ROW, other])
    assert cbor.decode(encoded) == [list(other), list(ROW)]
    assert decode_days(encoded) == [other, ROW]
    assert days_digest([ROW, other]) == sha256(encoded).digest()


def test_no_day_is_an_empty_array() -> None:
    assert decode_days(encode_days([])) == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({}, "shape"),
        ([["2026-11-21", "k", "", 1]], "shape"),
        ([["2026-11-21", "k", "", 1, bytes(7)]], "shape"),
        ([["2026-11-21", "k", None, 1, bytes(8)]], "shape"),
        ([["2026-11-21", "k", "", 0, bytes(8)]], "shape"),
        ([["2026-11-21", "k", "", True, bytes(8)]], "shape"),
        ([["b", "k", "", 1, bytes(8)], ["a", "k", "", 1, bytes(8)]], "order"),
        ([["a", "k", "", 1, bytes(8)], ["a", "k", "", 1, bytes(8)]], "order"),
    ],
)
def test_days_of_another_shape_are_refused(value: cbor.Value, reason: str) -> None:
    with pytest.raises(Malformed) as refused:
        decode_days(cbor.encode(value))
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("event", "counted"),
    [
        (
            '{"kind":"a.b","at":"2026-11-21T23:59:59-05:00","body":{"channel":"bưu"}}',
            ("2026-11-21", "a.b", "bưu"),
        ),
        ('{"kind":"a.b","at":"2026-11-21T08:00:00+07:00","body":{}}', ("2026-11-21", "a.b", "")),
        ("{}", ("", "", "")),
        ('{"kind":1,"at":"2026-11-21","body":{"channel":"x"}}', ("2026-11-21", "", "x")),
        ('{"kind":"k","at":null,"body":[]}', ("", "k", "")),
        ('{"kind":"k","at":"short","body":{"channel":{}}}', ("short", "k", "")),
    ],
)
def test_an_event_is_counted_as_it_is_written(event: str, counted: tuple[str, str, str]) -> None:
    assert day_kind_channel(event.encode()) == counted


@pytest.mark.parametrize("at", ["2026-11-21T08:00:00+07:00", None])
def test_a_long_word_is_counted_under_its_first_80_characters(at: str | None) -> None:
    event = {"kind": "ế" * 81, "at": at, "body": {"channel": "c" * 5_000}}
    counted = day_kind_channel(json.dumps(event, separators=(",", ":")).encode())
    assert counted == ("2026-11-21" if at else "", "ế" * 80, "c" * 80)
    assert words("d" * 81, "k\0" * 90, "\0") == ("d" * 80, "k" * 80, "")


@pytest.mark.parametrize(
    "poison",
    [
        b"",
        b"[]",
        b"no",
        b"\xff",
        b'{"kind":"a","kind":"b"}',
        b'{ "kind":"a"}',
        b'{"kind":' + b"[" * 60_000,
    ],
)
def test_poison_counts_without_a_name(poison: bytes) -> None:
    assert day_kind_channel(poison) == ("", "", "")
