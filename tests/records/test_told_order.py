"""Whatever crosses on the line, both ends fold it in one order."""

from itertools import product
from typing import Any

import pytest

from records.dossier import ALLOWED, EVENT_OF, Dossier, evolve
from records.events import decode_body
from records.told_order import Arrived, in_order
from wire.event import body_of

DUE = "2026-12-05T17:00:00+07:00"
ASSIGNED: dict[str, Any] = {
    "procedure_code": "1.001193", "channel": "online", "return_channel": "direct",
    "applicant": {"full_name": "Lê Văn An"}, "due_at": DUE,
}  # fmt: skip
OFFICE: dict[str, dict[str, Any]] = {
    "dossier.supplement_requested": {"reason": "x", "papers": ["a"]},
    "dossier.supplemented": {"documents": [], "due_at": DUE},
    "dossier.forwarded": {"to": "Sở Tư pháp", "holder": "province"},
    "dossier.resolved": {"result": {"kind": "paper"}},
    "dossier.withdrawn": {"reason": "x"},
    "dossier.extended": {"due_at": DUE, "reason": "x"},
    "dossier.paid": {"name": "Lệ phí", "amount_vnd": 5, "by": "cash"},
    "dossier.returned": {"by": "postal"},
}
COMMANDS = {event: command for command, event in EVENT_OF.items()}
STATES = [None, "received", "supplement_requested", "forwarded", "resolved", "refused", "returned"]
Event = tuple[int, str, dict[str, Any]]
"""The seq in its journal, kind and body."""


def folded(events: list[Event]) -> Dossier | None:
    dossier = None
    for _, kind, body in events:
        dossier = evolve(dossier, kind, decode_body(kind, body_of(body)), 1)
    return dossier


def at_office(events: list[Event]) -> Dossier | None:
    arrived = [Arrived(kind, seq, decode_body(kind, body_of(body))) for seq, kind, body in events]
    return folded([events[place] for place in in_order(arrived)])


@pytest.mark.parametrize("kind", OFFICE)
def test_what_crosses_on_the_line_is_one_dossier_at_both_ends(kind: str) -> None:
    crossed = 0
    holders = ["office", "province"]
    for given, first, state, holder in product(holders, STATES, STATES, [None, *holders]):
        begin: Event = (1, "dossier.assigned", ASSIGNED | {"holder": given})
        before: Event = (2, "dossier.progressed", told(first, None, heard=3))
        known: Event = (3, "dossier.paid", OFFICE["dossier.paid"])
        story = [begin, known, before]
        stand = folded(story)
        assert stand is not None
        if stand.state not in ALLOWED[COMMANDS[kind]]:
            continue
        own: list[Event] = [(8, kind, OFFICE[kind]), (9, "dossier.paid", OFFICE["dossier.paid"])]
        word: Event = (3, "dossier.progressed", told(state, holder, heard=7))
        assert at_office([*story, *own, word]) == folded([*story, word, *own])
        crossed += 1
    assert crossed


def told(state: str | None, holder: str | None, *, heard: int) -> dict[str, Any]:
    members = {"dossier": "x", "state": state, "holder": holder, "heard": heard}
    return {name: value for name, value in members.items() if value is not None}


def test_what_says_nothing_of_it_stays_where_it_arrived() -> None:
    arrived = [
        Arrived("dossier.received", 4, None),
        Arrived("numbers.mapped", 7, None),
        Arrived("dossier.paid", 9, None),
        Arrived("dossier.progressed", 8, None),
    ]
    assert list(in_order(arrived)) == [0, 1, 2, 3]
