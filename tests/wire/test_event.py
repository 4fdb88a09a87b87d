"""Writing and reading one event."""

from typing import Any
from unicodedata import normalize

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import ijson
from wire.event import Event, body_of, decode, encode, encode_typed, format_time, parse_time
from wire.problems import Malformed

AT = "2026-11-21T08:31:05+07:00"


def event(body: dict[str, Any], **members: Any) -> Event:
    return Event(kind="a.happened", at=AT, actor="lan.nt", body=body_of(body), **members)


def test_members_stand_in_the_order_of_the_wire_and_defaults_are_left_out() -> None:
    assert encode(event({"a": 1})) == (
        b'{"kind":"a.happened","at":"2026-11-21T08:31:05+07:00","actor":"lan.nt","body":{"a":1}}'
    )


def test_every_member_has_its_place() -> None:
    full = event(
        {},
        subject=57,
        v=2,
        clock="unsynced",
        boot="00112233aabbccdd",
        mono=12,
        seen="x",
        salt="AAAAAAAAAAA",
    )
    assert list(msgspec.json.decode(encode(full))) == [
        *("kind", "subject", "at", "actor", "v", "clock", "boot", "mono", "seen", "body", "salt")
    ]


def test_text_is_written_in_nfc_everywhere() -> None:
    loose = normalize("NFD", "Nguyễn Thị Ngọc Hà")
    written = encode(event({normalize("NFD", "tên"): [loose]}, subject=loose))
    assert "Nguyễn Thị Ngọc Hà" in written.decode()
    assert written.decode() == normalize("NFC", written.decode())


def test_an_escape_before_a_combining_mark_is_not_torn_apart() -> None:
    written = encode(event({"note": "dòng\n\u0301cuối"}))
    assert decode(written).body == body_of({"note": "dòng\n\u0301cuối"})


def test_nfc_sees_through_escapes_of_a_raw_body() -> None:
    raw = Event(kind="a", at=AT, actor="x", body=msgspec.Raw(rb'{"a":"e\u0301"}'))
    assert b'{"a":"\xc3\xa9"}' in encode(raw)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"a": "\0"}, "null-character"),
        ({"a": 2**53}, "number"),
        ({"a": 1e22}, "number"),
        ({"a": 0.1234567890123456}, "number"),
        ({"a": "x" * 65_536}, "too-large"),
        ({"a": "\ud800"}, "lone-surrogate"),
        ({"é": 1, "e\u0301": 2}, "duplicate-member"),
    ],
)
def test_what_cannot_be_an_event_is_never_written(body: dict[str, Any], reason: str) -> None:
    for write in (encode, encode_typed):
        with pytest.raises(Malformed) as refused:
            write(event(body))
        assert refused.value.reason == reason


@pytest.mark.parametrize("raw", [b"[]", b"1", b"", b' {"a":1}', b'{"a": 1}'])
def test_a_raw_body_must_be_a_bare_object(raw: bytes) -> None:
    with pytest.raises(Malformed):
        encode(Event(kind="a", at=AT, actor="x", body=msgspec.Raw(raw)))


def test_unknown_members_are_passed_over() -> None:
    read = decode(b'{"new":[1],"kind":"later.kind","at":"t","actor":"a","body":{"x":{}}}')
    assert (read.kind, bytes(read.body)) == ("later.kind", b'{"x":{}}')


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"at":"t","actor":"a","body":{}}', "member"),
        (b'{"kind":1,"at":"t","actor":"a","body":{}}', "member"),
        (b'{"kind":"a","at":"t","actor":"a"}', "member"),
        (b"[]", "member"),
        (b"{", "not-json"),
        (b'{"kind":"\xff","at":"t","actor":"a","body":{}}', "not-json"),
        (b'{"kind":' + b"[" * 60_000, "not-json"),
        (b'{"x":' + b"[" * 60_000, "depth"),
    ],
)
def test_what_is_no_event_is_not_read(data: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as refused:
        decode(data)
    assert refused.value.reason in {reason, "member"}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
    lambda items: st.lists(items, max_size=3) | st.dictionaries(st.just("a"), items),
    max_leaves=6,
)


@given(body=JSON, subject=st.none() | st.integers(1, 2**53 - 1))
def test_what_is_written_is_strict_and_read_back_alike(body: Any, subject: int | None) -> None:
    written = encode(event({"a": body}, subject=subject))
    ijson.check(written)
    read = decode(written)
    assert read.subject == subject
    assert msgspec.json.decode(read.body) == ijson.nfc({"a": body})
    assert encode(read) == encode_typed(read) == written


def test_times_are_written_in_office_time_whatever_the_zone() -> None:
    assert format_time(1_795_224_665_999) == "2026-11-21T08:31:05+07:00"
    assert format_time(0) == "1970-01-01T07:00:00+07:00"


@given(st.integers(-(10**12), 10**14))
def test_a_written_time_is_read_back_to_the_second(epoch_ms: int) -> None:
    assert parse_time(format_time(epoch_ms)) == epoch_ms // 1000 * 1000


@pytest.mark.parametrize(
    "text", ["2026-11-21T01:31:05Z", "2026-11-21T08:31:05.000+07:00", "2026-11-20T15:31:05-10:00"]
)
def test_any_offset_names_the_same_moment(text: str) -> None:
    assert parse_time(text) == 1_795_224_665_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-21",
        "2026-11-21T08:31+07:00",
        "2026-11-21T08:31:05",
        "2026-11-21 08:31:05+07:00",
        "20261121T083105+0700",
        "2026-W47-6T08:31:05Z",
        "2026-02-30T08:31:05Z",
        "2026-11-21T23:59:60Z",
        "2026-11-21T08:31:05+25:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "0999-12-31T23:59:59Z",
        "9000-01-01T00:00:00+07:00",
        "9999-12-31T23:59:59-12:00",
        "٢٠٢٦-11-21T08:31:05Z",
    ],
)
def test_other_forms_are_no_times(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_time(text)
    assert refused.value.reason == "time"
