"""The drawing of the dossier and what the program does say the same, edge by edge."""

import random
import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.desk_events import State
from records.dossier import ALLOWED, ENDED, EVENT_OF, Dossier, evolve, next_commands
from records.events import decode_body
from records.values import Applicant
from tests.records.office import Office
from wire.problems import Refusal

DRAWING = Path(__file__).parents[2] / "docs" / "state-machines" / "dossier.mmd"
STATES: tuple[State, ...] = get_args(State)
BEFORE: dict[State, tuple[State, ...]] = {
    "supplement_requested": ("received", "forwarded"),
    "in_post": tuple(sorted(ENDED)),
}
LATER = "2027-01-04T17:00:00+07:00"
BODIES: dict[str, dict[str, Any]] = {
    "dossier.request_supplement": {"papers": ["Bản sao giấy chứng sinh"], "reason": "Thiếu"},
    "dossier.supplement": {"documents": []},
    "dossier.forward": {"to": "Công chức tư pháp", "holder": "office"},
    "dossier.resolve": {"result": {"kind": "paper"}},
    "dossier.refuse": {"reason": "Không đủ điều kiện"},
    "dossier.stop": {"reason": "Dừng theo đề nghị"},
    "dossier.withdraw": {"reason": "Người dân rút"},
    "dossier.extend": {"due_at": LATER, "reason": "Cần xác minh"},
    "dossier.change_return": {"return_channel": "online"},
    "dossier.pay": {"name": "Lệ phí", "amount_vnd": 1000, "by": "cash"},
    "dossier.correct": {"set": {"applicant.phone": "0912345600"}, "reason": "Ghi nhầm"},
    "dossier.return": {"by": "direct"},
    "document.attach": {"name": "Tờ khai", "path": "/scans/1.pdf"},
}
TOLD: dict[str, dict[str, Any]] = {
    "document.attach": {
        "name": "Tờ khai",
        "blob_id": "b1" * 32,
        "key": "A" * 43,
        "bytes": 9,
        "sha256": "5a" * 32,
        "media_type": "application/pdf",
    },
}
"""Bodies of events that are not those of their command."""

Edge = tuple[str, str, str]


def drawn() -> set[Edge]:
    edges = set()
    for line in DRAWING.read_text("utf-8").splitlines():
        found = re.fullmatch(r"\s*(\w+|\[\*\]) --> (\w+|\[\*\])(?:: (.+))?", line)
        if found is None:
            assert "-->" not in line or line.startswith("%%"), line
            continue
        source, target, label = found.groups()
        edge = (source, label or "", target)
        assert edge not in edges, f"drawn twice: {edge}"
        edges.add(edge)
    return edges


def standing(state: State, before: State | None = None) -> Dossier:
    return Dossier(
        procedure_code="1.000001",
        state=state,
        before=before,
        channel="direct",
        return_channel="direct",
        received_at_ms=0,
        due_at_ms=0,
        applicant=Applicant(full_name="Nguyễn Thị Ngọc Hà"),
    )


def label(command: str, body: dict[str, Any], start: Dossier) -> str:
    match command, body:
        case "dossier.supplement", _:
            return f"{command}, asked while {start.before}"
        case "dossier.extend", _:
            return f"{command}, once"
        case "dossier.return", {"by": "postal" | "official_mail"}:
            return f"{command}, by post"
        case "postal.mark", {"state": "delivered"}:
            return f"{command}, delivered"
        case "postal.mark", _:
            return f"{command}, {body['state']} of what was {start.before}"
        case _:
            return command


def tried() -> list[tuple[str, str, dict[str, Any]]]:
    events = [(name, EVENT_OF[name], TOLD.get(name, body)) for name, body in BODIES.items()]
    post = ("postal", "official_mail")
    events += [("dossier.return", "dossier.returned", {"by": by}) for by in post]
    for mark in ("delivered", "came_back", "lost", "damaged"):
        body = {"item": "RR123456785VN", "state": mark}
        events.append(("postal.mark", "postal.marked", body))
    return events


def lived() -> set[Edge]:
    """Every step the fold takes, from every state with every event."""
    edges: set[Edge] = {("[*]", "dossier.receive", "received"), ("returned", "", "[*]")}
    for state in STATES:
        for before in BEFORE.get(state, (None,)):
            start = standing(state, before)
            for command, kind, body in tried():
                after = evolve(start, kind, decode_body(kind, msgspec.json.encode(body)), 1)
                if after.conflicts == 0:
                    edges.add((state, label(command, body, start), after.state))
    return edges


def test_the_drawing_shows_exactly_what_the_fold_does() -> None:
    assert drawn() == lived()


def test_every_command_of_the_table_is_tried_here() -> None:
    assert BODIES.keys() == ALLOWED.keys()


@pytest.mark.parametrize("state", STATES)
def test_the_commands_offered_are_those_drawn_from_this_state(state: State) -> None:
    offered = set(next_commands(standing(state)))
    shown = {label.split(",")[0] for source, label, _ in drawn() if source == state}
    assert offered == {
        command for command in shown if command.split(".")[0] in ("dossier", "document")
    }


@given(st.integers(0, 2**32), st.integers(1, 25))
def test_random_commands_never_leave_the_drawing(seed: int, count: int) -> None:
    chance, office, edges = random.Random(seed), Office(), drawn()
    office.receive()
    for _ in range(count):
        office.wait(minutes=chance.randrange(3_000))
        command = chance.choice(list(BODIES))
        body = BODIES[command]
        if command == "dossier.return":
            body = {"by": chance.choice(["direct", "online", "postal", "official_mail"])}
        before = office.only()
        try:
            office.submit(command, dossier="1/1", **body)
        except Refusal:
            assert office.only() == before
        else:
            assert (before.state, label(command, body, before), office.only().state) in edges


@given(st.integers(0, 2**32))
def test_a_rebuild_from_the_bytes_gives_the_same_dossier(seed: int) -> None:
    chance, office = random.Random(seed), Office()
    office.receive()
    for _ in range(12):
        command = chance.choice(list(BODIES))
        office.wait(minutes=chance.randrange(600))
        try:
            office.submit(command, dossier="1/1", **BODIES[command])
        except Refusal:
            continue
    again = Office()
    for written in office.journal:
        again.fold(written)
    assert msgspec.json.encode(again.only()) == msgspec.json.encode(office.only())


def test_a_forbidden_command_names_the_possible_ones() -> None:
    office = Office()
    office.receive()
    with pytest.raises(Refusal) as refused:
        office.submit("dossier.return", dossier="1/1", by="direct")
    assert refused.value.code == "state-forbidden"
    detail = refused.value.detail
    assert "dossier.resolve" in detail.vi
    assert "đã tiếp nhận" in detail.vi
    assert "dossier.return)" not in detail.vi
    assert "dossier.resolve" in detail.en
