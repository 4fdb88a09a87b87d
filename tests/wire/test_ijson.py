"""I-JSON as section 2 of the protocol has it, rule by rule, and against an independent reader."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference import times_the_reference
from wire import ijson
from wire.problems import Malformed

LARGEST = 2**53 - 1


def reason(event: bytes) -> str | None:
    try:
        ijson.check(event)
    except Malformed as malformed:
        return malformed.reason
    return None


@pytest.mark.parametrize(
    "event",
    [
        b"{}",
        b'{"a":null,"b":true,"c":false,"d":[],"e":{}}',
        '{"tên":"Nguyễn Thị Ngọc Hà"}'.encode(),
        '{"a":"e\u0301"}'.encode(),  # NFC is the writer's duty
        b'{"a":9007199254740991,"b":-9007199254740991}',
        b'{"a":-0}',
        b'{"a":0.001,"b":36.6,"c":-1234567890.12345,"d":0.000000000000000000001}',
        b'{"a":1.0,"b":36.60}',
        rb'{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}',
        rb'{"a":"\\u0000"}',
        b'{"a":"1e5 , : [[[[[[[[[[[[[[[[[[ 12345678901234567890 NaN"}',
        b'{"a":{"a":{"a":1}},"b":{"a":1}}',
        b'{"a":"\x7f"}',
        b'{"a":' * 16 + b"1" + b"}" * 16,
    ],
)
def test_what_the_rules_allow_passes(event: bytes) -> None:
    assert reason(event) is None


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (b"", "not-json"),
        (b"[]", "not-an-object"),
        (b'"a"', "not-an-object"),
        (b"{", "not-json"),
        (b"{}{}", "not-json"),
        (b"{'a':1}", "not-json"),
        (b'{"a":1,}', "not-json"),
        (b'{"a":NaN}', "not-json"),
        (b'{"a":01}', "not-json"),
        (b'{"a":+1}', "not-json"),
        (b'{"a":.5}', "not-json"),
        (b'{"a":"\x01"}', "not-json"),
        (b'{"a":"\x00"}', "not-json"),
        (b'{"a":"\n"}', "not-json"),
        (b'\xef\xbb\xbf{"a":1}', "byte-order-mark"),
        (b'{"a":"\xff"}', "not-utf8"),
        (b'{"a":"\xc0\x80"}', "not-utf8"),
        (b'{"a":"\xed\xa0\x80"}', "not-utf8"),
        (rb'{"a":"\ud800"}', "not-json"),
        (rb'{"a":"\ude00\ud83d"}', "not-json"),
        (rb'{"\ud800abcdef":1}', "not-json"),
        (rb'{"a":"\u0000"}', "null-character"),
        (rb'{"\u0000":1}', "null-character"),
        (rb'{"a":"\\\u0000"}', "null-character"),
        (b' {"a":1}', "white-space"),
        (b'{"a":1}\n', "white-space"),
        (b'{"a": 1}', "white-space"),
        (b'{"a":1,\t"b":2}', "white-space"),
        (b'{"a":[1 ]}', "white-space"),
        (b'{"a":1,"a":1}', "duplicate-member"),
        (b'{"a":{"b":1,"b":2}}', "duplicate-member"),
        (b'{"a":[{"b":1,"c":1,"b":2}]}', "duplicate-member"),
        (rb'{"a":1,"\u0061":2}', "duplicate-member"),
        (b'{"a":9007199254740992}', "number"),
        (b'{"a":-9007199254740992}', "number"),
        (b'{"a":' + b"9" * 60_000 + b"}", "number"),
        (b'{"a":1e5}', "number"),
        (b'{"a":1E-5}', "number"),
        (b'{"a":1e999}', "number"),
        (b'{"a":1234567890.123456}', "number"),
        (b'{"a":1.' + b"0" * 15 + b"}", "number"),
        (b'{"a":' * 17 + b"1" + b"}" * 17, "depth"),
        (b'{"a":' + b"[" * 16 + b"]" * 16 + b"}", "depth"),
        (b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}", "depth"),
        (b'{"a":"' + b"x" * 65_536 + b'"}', "too-large"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_its_reason(event: bytes, expected: str) -> None:
    assert reason(event) == expected


def test_an_event_may_have_64_kib_and_not_a_byte_more() -> None:
    largest = b'{"a":"' + b"x" * (65_536 - 8) + b'"}'
    assert reason(largest) is None
    assert reason(largest.replace(b"a", b"ab", 1)) == "too-large"


ADVERSARIES = {
    "unterminated strings": b'{"' + rb"\"" * 32_760,
    "backslashes": b'{"a":"' + rb"\\" * 32_760 + b'"}',
    "empty strings": b'{"a":[' + b'"",' * 21_840 + b'""]}',
    "brackets": b"[" * 65_536,
    "empty objects": b'{"a":[' + b"{}," * 21_800 + b"{}]}",
    "small members": b'{"a":[' + b'{"a":1},' * 8_100 + b"0]}",
    "long numbers": b'{"a":[' + b"1234567890123456," * 3_800 + b"0]}",
    "one long number": b'{"a":' + b"1" * 65_000 + b"}",
    "one long fraction": b'{"a":0.' + b"1" * 65_000 + b"}",
    "exponents": b'{"a":[' + b"1e1," * 16_000 + b"0]}",
    "escapes": b'{"a":"' + rb"\u0061" * 10_900 + b'"}',
    "white space": b"{" + b" " * 65_000 + b"}",
    "duplicates": b"{" + b'"a":1,' * 10_900 + b'"a":1}',
    "distinct members": b"{" + b",".join(b'"%d":0' % n for n in range(7_000)) + b"}",
}

HONEST = b'{"a":[' + b'{"name":"Nguy\xe1\xbb\x85n","year":1984},' * 1_770 + b"0]}"


@pytest.mark.parametrize("name", ADVERSARIES)
@pytest.mark.timing
def test_an_adversary_costs_little_more_than_an_honest_event_of_its_size(name: str) -> None:
    event = ADVERSARIES[name]
    assert len(event) <= 65_536
    assert reason(HONEST) is None
    assert times_the_reference(lambda: reason(event), lambda: reason(HONEST)) < 3


SPACES = st.sampled_from(["", "", "", "", "", "", " ", "\n"])
NUMBERS = st.one_of(
    st.integers(-LARGEST - 2, LARGEST + 2).map(str),
    st.integers(0, 10**18).map(str),
    st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)).map(
        lambda pair: f"{pair[0]}.{pair[1]}"
    ),
    st.sampled_from(["-0", "0.0", "1e1", "2E+3", "0.00000000000000000012345", "-1.5"]),
)
LETTERS = st.one_of(
    st.sampled_from(
        [r"\u0000", r"\\u0000", r"\ud800", r"\ud83d\ude00", r"\n", r"\"", r"\\", "1e1"]
    ),
    st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cs"]), max_size=4),
)
STRINGS = st.lists(LETTERS, max_size=3).map(lambda parts: '"' + "".join(parts) + '"')
NAMES = st.one_of(st.sampled_from(['"a"', '"b"', '"c"', r'"\u0061"']), STRINGS)


def arrays(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(SPACES, st.lists(items, max_size=3)).map(
        lambda drawn: "[" + f",{drawn[0]}".join(drawn[1]) + "]"
    )


def objects(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.lists(st.tuples(NAMES, SPACES, items), max_size=3)
    return members.map(lambda drawn: "{" + ",".join(f"{n}:{s}{v}" for n, s, v in drawn) + "}")


VALUES = st.recursive(
    st.one_of(NUMBERS, STRINGS, st.sampled_from(["true", "false", "null", "nul", ""])),
    lambda items: st.one_of(arrays(items), objects(items)),
    max_leaves=8,
)


@given(objects(VALUES))
def test_agrees_with_a_reader_that_goes_letter_by_letter(text: str) -> None:
    event = text.encode()
    assert (reason(event) is None) == is_strict(event)


@given(st.binary(max_size=40), st.integers(0, 60))
def test_garbage_is_judged_and_never_crashes(garbage: bytes, place: int) -> None:
    event = b'{"kind":"a.b","at":"2026","body":{"a":[1,2.5]}}'
    event = event[:place] + garbage + event[place:]
    assert (reason(event) is None) == is_strict(event)


def is_strict(event: bytes) -> bool:
    """Judge the slow and plain way, with the standard library's parser."""
    try:
        text = event.decode()
        tree = json.loads(
            text,
            object_pairs_hook=no_duplicates,
            parse_int=small_integer,
            parse_float=short_fraction,
            parse_constant=refuse,
        )
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(tree, dict)
        and not has_white_space_between_tokens(text)
        and not any(letter < " " for letter in text)
        and depth(tree) <= 16
        and all(clean(string) for string in strings(tree))
    )


def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def small_integer(text: str) -> int:
    if abs(int(text)) > LARGEST:
        raise ValueError
    return int(text)


def short_fraction(text: str) -> float:
    digits = text.lstrip("-").replace(".", "").lstrip("0")
    if "e" in text.lower() or len(digits) > 15:
        raise ValueError
    return float(text)


def refuse(_: str) -> None:
    raise ValueError


def has_white_space_between_tokens(text: str) -> bool:
    inside, escaped = False, False
    for letter in text:
        if not inside and letter in " \t\r\n":
            return True
        if letter == '"' and not escaped:
            inside = not inside
        escaped = letter == "\\" and not escaped
    return False


def depth(tree: Any) -> int:
    if isinstance(tree, dict):
        return 1 + max(map(depth, tree.values()), default=0)
    if isinstance(tree, list):
        return 1 + max(map(depth, tree), default=0)
    return 0


def strings(tree: Any) -> list[str]:
    if isinstance(tree, str):
        return [tree]
    if isinstance(tree, dict):
        return [*tree, *(found for value in tree.values() for found in strings(value))]
    if isinstance(tree, list):
        return [found for value in tree for found in strings(value)]
    return []


def clean(string: str) -> bool:
    return "\0" not in string and not any("\ud800" <= letter <= "\udfff" for letter in string)


def test_nfc_gives_the_same_object_when_nothing_changes() -> None:
    value = {"tên": ["Hà", {"a": 1}], "b": ("x", None, 1.5)}
    assert ijson.nfc(value) is value


def test_nfc_reaches_names_lists_and_tuples_and_keeps_the_order() -> None:
    loose = {"te\u0302n": ["Ha\u0300", 1], "b": ("e\u0301",)}
    normal = ijson.nfc(loose)
    assert normal == {"tên": ["Hà", 1], "b": ("é",)}
    assert list(normal) == ["tên", "b"]


def test_nfc_refuses_two_names_that_become_one() -> None:
    with pytest.raises(Malformed) as refused:
        ijson.nfc({"\u00e9": 1, "e\u0301": 2})
    assert refused.value.reason == "duplicate-member"
