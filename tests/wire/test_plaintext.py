"""The plaintext of messages: every member read, unknown ones kept, wrong ones named by path."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.wire.samples import a_down, an_enrolment, an_up, blocks, downs, enrolments, ups
from wire import cbor, plaintext
from wire.block import EventsBlock, Gone
from wire.chain import Head
from wire.limits import EVENTS_PACKED_BYTES_MAX
from wire.plaintext import BlobState, Down, EnrolmentRequest, Fetch, History, Problem, Up
from wire.problems import Malformed

quick = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@given(ups)
@quick
def test_every_up_comes_back(up: Up) -> None:
    data = plaintext.encode_up(up)
    assert plaintext.decode_up(data) == up
    assert plaintext.encode_up(plaintext.decode_up(data)) == data


@given(downs)
@quick
def test_every_down_comes_back(down: Down) -> None:
    data = plaintext.encode_down(down)
    assert plaintext.decode_down(data) == down
    assert plaintext.encode_down(plaintext.decode_down(data)) == data


@given(enrolments)
@quick
def test_every_enrolment_comes_back(request: EnrolmentRequest) -> None:
    data = plaintext.encode_enrolment(request)
    assert plaintext.decode_enrolment(data) == request


@given(blocks)
@quick
def test_unknown_members_of_events_survive(block: EventsBlock) -> None:
    again = plaintext.decode_up(plaintext.encode_up(an_up(events=block))).events
    assert again == block


def test_unknown_members_survive() -> None:
    members: dict[Any, Any] = cbor.decode(plaintext.encode_up(an_up()))  # type: ignore[assignment]
    newer = cbor.encode({**members, "mood": {"today": [1, None]}})
    up = plaintext.decode_up(newer)
    assert up.extra == {"mood": {"today": [1, None]}}
    assert plaintext.encode_up(up) == newer


def test_the_members_are_called_as_on_the_page() -> None:
    block = EventsBlock(1, bytes(32), 1, b"x", (Gone(1, bytes(32), "2026-11-21", "k", "c"),))
    up = an_up(
        events=block,
        was=bytes(8),
        box=bytes(24),
        report=b"r",
        days=b"d",
        session=bytes(32),
        prove=True,
        statement=b"s",
        fetch=Fetch(bytes(32), bytes(16), 1),
        returned=block,
        proof=b"p",
        blobs=(BlobState(bytes(32), 1, 2),),
    )
    members: Any = cbor.decode(plaintext.encode_up(up))
    assert set(members) == {
        "v",
        "office",
        "journal",
        "head",
        "events",
        "desk",
        "cursor",
        "turn",
        "was",
        "box",
        "boot",
        "now",
        "clock",
        "budget",
        "codecs",
        "report",
        "days",
        "session",
        "prove",
        "statement",
        "fetch",
        "returned",
        "proof",
        "blobs",
    }
    assert members["events"]["gone"] == [[1, bytes(32), "2026-11-21", "k", "c"]]
    assert members["fetch"] == [bytes(32), bytes(16), 1]
    down = a_down(
        have=0,
        ladder=(Head(1, bytes(32)),),
        stale=True,
        session="ok",
        statement=b"s",
        grant=b"g",
        events=block,
        desk_lost=(Head(1, bytes(32)),),
        device=b"d",
        pending=True,
        history=History(bytes(32), bytes(16), block),
        want_days=True,
        wanted=(bytes(32),),
        problems=(Problem(1, "code", "detail"),),
    )
    members = cbor.decode(plaintext.encode_down(down))
    assert set(members) == {
        "v",
        "re",
        "office",
        "journal",
        "receipt",
        "verdict",
        "have",
        "ladder",
        "turn",
        "stale",
        "session",
        "statement",
        "grant",
        "events",
        "desk",
        "desk_head",
        "desk_lost",
        "device",
        "pending",
        "history",
        "now",
        "codecs",
        "want_days",
        "wanted",
        "problems",
        "next_after",
    }
    assert members["history"][2]["first"] == 1


def test_what_says_nothing_is_left_out() -> None:
    members: Any = cbor.decode(plaintext.encode_down(a_down()))
    assert set(members) == {
        "v",
        "re",
        "office",
        "journal",
        "receipt",
        "verdict",
        "turn",
        "desk",
        "desk_head",
        "now",
        "codecs",
        "next_after",
    }


def test_an_extra_member_never_replaces_a_known_one() -> None:
    with pytest.raises(ValueError, match="known members"):
        plaintext.encode_up(an_up(extra={"turn": bytes(8)}))


def test_what_no_receiver_would_accept_is_not_sent() -> None:
    with pytest.raises(Malformed, match=r"member-size: up\.turn"):
        plaintext.encode_up(an_up(turn=b""))
    with pytest.raises(Malformed, match=r"member-value: down\.next_after"):
        plaintext.encode_down(a_down(next_after=21_601))


def test_a_secret_shows_in_no_repr() -> None:
    assert "5e5e" not in repr(an_enrolment())
    assert "^^^^" not in repr(an_enrolment())


_HEAD = [1, bytes(32)]
_EVENTS = {"first": 1, "prev": bytes(32), "codec": 0, "data": b""}
_TOO_MUCH = bytes(EVENTS_PACKED_BYTES_MAX + 1)
_HALF = {**_EVENTS, "data": bytes(EVENTS_PACKED_BYTES_MAX // 2 + 1)}

WRONG_UPS: list[tuple[dict[str, Any], str]] = [
    ({"v": 2}, "version-unknown: v is 2"),
    ({"v": True}, "member-type: up.v"),
    ({"office": bytes(15)}, "member-size: up.office"),
    ({"office": "x" * 16}, "member-type: up.office"),
    ({"journal": bytes(17)}, "member-size: up.journal"),
    ({"head": [1]}, "member-size: up.head"),
    ({"head": [1, bytes(32), 0]}, "member-size: up.head"),
    ({"head": [-1, bytes(32)]}, "member-value: up.head"),
    ({"head": [1, bytes(31)]}, "member-size: up.head"),
    ({"head": {}}, "member-type: up.head"),
    ({"cursor": None}, "member-type: up.cursor"),
    ({"desk": bytes(8)}, "member-size: up.desk"),
    ({"turn": bytes(9)}, "member-size: up.turn"),
    ({"was": bytes(7)}, "member-size: up.was"),
    ({"was": None}, "member-type: up.was"),
    ({"box": bytes(8)}, "member-size: up.box"),
    ({"boot": bytes(16)}, "member-size: up.boot"),
    ({"now": -1}, "member-value: up.now"),
    ({"now": "1"}, "member-type: up.now"),
    ({"clock": b"trusted"}, "member-type: up.clock"),
    ({"budget": False}, "member-type: up.budget"),
    ({"codecs": []}, "member-size: up.codecs"),
    ({"codecs": [-1]}, "member-value: up.codecs"),
    ({"codecs": 1}, "member-type: up.codecs"),
    ({"report": "text"}, "member-type: up.report"),
    ({"session": bytes(16)}, "member-size: up.session"),
    ({"prove": False}, "member-value: up.prove"),
    ({"prove": 1}, "member-type: up.prove"),
    ({"fetch": [bytes(32), bytes(16)]}, "member-size: up.fetch"),
    ({"blobs": [[bytes(32), 1]]}, "member-size: up.blobs"),
    ({"events": []}, "member-type: up.events"),
    ({"events": {**_EVENTS, "prev": b""}}, "member-size: up.events.prev"),
    ({"events": {"first": 1}}, "member-missing: up.events.prev"),
    ({"events": {**_EVENTS, "gone": [[1, bytes(32)]]}}, "member-size: up.events.gone"),
    ({"events": {**_EVENTS, "data": _TOO_MUCH}}, "too-large: up.events.data"),
    ({"events": _HALF, "returned": _HALF}, "too-large: up.events and up.returned together"),
]
WRONG_DOWNS: list[tuple[dict[str, Any], str]] = [
    ({"v": 0}, "version-unknown: v is 0"),
    ({"re": bytes(16)}, "member-size: down.re"),
    ({"verdict": "perhaps"}, "member-value: down.verdict"),
    ({"verdict": 0}, "member-value: down.verdict"),
    ({"ladder": []}, "member-size: down.ladder"),
    ({"desk_lost": []}, "member-size: down.desk_lost"),
    ({"ladder": [_HEAD, 1]}, "member-type: down.ladder"),
    ({"session": "no"}, "member-value: down.session"),
    ({"stale": False}, "member-value: down.stale"),
    ({"pending": None}, "member-type: down.pending"),
    ({"grant": b""}, "member-size: down.grant"),
    ({"grant": bytes(65)}, "member-size: down.grant"),
    ({"wanted": [bytes(31)]}, "member-size: down.wanted"),
    ({"problems": [[1, "code"]]}, "member-size: down.problems"),
    ({"problems": [["1", "code", ""]]}, "member-type: down.problems"),
    ({"history": [bytes(32), bytes(16)]}, "member-size: down.history"),
    ({"history": [bytes(32), bytes(16), {}]}, "member-missing: down.history.first"),
    ({"next_after": 21_601}, "member-value: down.next_after"),
]
WRONG_ENROLMENTS: list[tuple[dict[str, Any], str]] = [
    ({"v": 3}, "version-unknown: v is 3"),
    ({"ticket": bytes(7)}, "member-size: enrolment.ticket"),
    ({"device": bytes(33)}, "member-size: enrolment.device"),
    ({"sealing": bytes(32)}, "member-size: enrolment.sealing"),
    ({"box": bytes(23)}, "member-size: enrolment.box"),
    ({"journal": b""}, "member-size: enrolment.journal"),
    ({"name": b"name"}, "member-type: enrolment.name"),
    ({"secret": bytes(15)}, "member-size: enrolment.secret"),
]

_UP: Any = cbor.decode(plaintext.encode_up(an_up()))
_DOWN: Any = cbor.decode(plaintext.encode_down(a_down()))
_ENROLMENT: Any = cbor.decode(plaintext.encode_enrolment(an_enrolment()))


@pytest.mark.parametrize(("change", "words"), WRONG_UPS, ids=str)
def test_a_wrong_up_is_refused_by_path(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Malformed) as refused:
        plaintext.decode_up(cbor.encode({**_UP, **change}))
    assert str(refused.value) == words


@pytest.mark.parametrize(("change", "words"), WRONG_DOWNS, ids=str)
def test_a_wrong_down_is_refused_by_path(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Malformed) as refused:
        plaintext.decode_down(cbor.encode({**_DOWN, **change}))
    assert str(refused.value) == words


@pytest.mark.parametrize(("change", "words"), WRONG_ENROLMENTS, ids=str)
def test_a_wrong_enrolment_is_refused_by_path(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Malformed) as refused:
        plaintext.decode_enrolment(cbor.encode({**_ENROLMENT, **change}))
    assert str(refused.value) == words


@pytest.mark.parametrize("name", sorted(_UP))
def test_no_member_of_the_smallest_up_can_be_left_out(name: str) -> None:
    with pytest.raises(Malformed, match=f"member-missing: up.{name}"):
        plaintext.decode_up(cbor.encode({k: v for k, v in _UP.items() if k != name}))


@pytest.mark.parametrize("name", sorted(_DOWN))
def test_no_member_of_the_smallest_down_can_be_left_out(name: str) -> None:
    with pytest.raises(Malformed, match=f"member-missing: down.{name}"):
        plaintext.decode_down(cbor.encode({k: v for k, v in _DOWN.items() if k != name}))


@pytest.mark.parametrize("name", sorted(_ENROLMENT))
def test_no_member_of_an_enrolment_can_be_left_out(name: str) -> None:
    with pytest.raises(Malformed, match=f"member-missing: enrolment.{name}"):
        plaintext.decode_enrolment(cbor.encode({k: v for k, v in _ENROLMENT.items() if k != name}))


def test_a_plaintext_that_is_no_map_is_refused() -> None:
    with pytest.raises(Malformed, match="member-type: up"):
        plaintext.decode_up(cbor.encode([]))
