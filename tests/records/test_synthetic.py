"""Made-up work: the same for the same seed, and nothing the real rules would refuse."""

from collections import Counter
from datetime import date
from itertools import islice

import msgspec
import pytest

from records.cards import differences
from records.command_types import Command
from records.decision import NewEvent
from records.events import BODIES, decode_body
from records.office_events import VisitCheckedIn
from records.synthetic import commands, everyday, made_up_place
from records.synthetic_desk import desk_events, report
from records.synthetic_journal import Memory, events
from records.synthetic_lists import Place
from records.values import Visitor
from wire import ijson
from wire.event import body_of, decode

KINDS = {
    *("dossier.received", "dossier.declined", "dossier.supplement_requested"),
    *("dossier.supplemented", "dossier.forwarded", "dossier.resolved", "dossier.refused"),
    *("dossier.stopped", "dossier.withdrawn", "dossier.extended", "dossier.return_changed"),
    *("dossier.paid", "dossier.returned", "dossier.corrected"),
    *("visit.checked_in", "visit.checked_out", "visit.ended"),
}


def test_the_same_seed_makes_the_same_work() -> None:
    assert list(islice(commands(5), 50)) == list(islice(commands(5), 50))
    assert list(islice(commands(5), 50)) != list(islice(commands(6), 50))
    assert events(5, 100, everyday=True) == events(5, 100, everyday=True)
    assert desk_events(5) == desk_events(5)
    assert report(5) == report(5)
    assert made_up_place(5) == made_up_place(5)


def test_commands_are_strict_ones() -> None:
    for command in [*islice(commands(1), 500), *islice(everyday(1), 1_500)]:
        msgspec.convert(command, Command)


def test_commands_refer_to_nothing_that_is_not_there() -> None:
    types = Counter(command["type"] for command in islice(commands(1), 300))
    assert types.keys() == {"dossier.receive", "visit.check_in"}


def test_card_numbers_agree_with_birth_and_gender() -> None:
    for command in islice(commands(2), 500):
        person = command.get("applicant") or command["visitor"]
        year = int(person["date_of_birth"][:4])
        assert not list(differences(person["id_number"], birth_year=year, gender=person["gender"]))


def test_due_times_lie_after_the_day_given() -> None:
    today = date(2027, 3, 1)
    due = [
        command["due_at"]
        for command in islice(commands(3, today=today), 500)
        if "due_at" in command
    ]
    assert due
    assert min(due) > "2027-03-01"


def test_everyday_numbers_its_dossiers_from_where_the_book_stands() -> None:
    named = [
        command["dossier"]
        for command in islice(everyday(4, volume=3, number=41), 200)
        if "dossier" in command
    ]
    assert "2026/3/41" in named
    assert "2026/3/40" not in named


@pytest.mark.parametrize("everyday_work", [False, True])
def test_events_are_events_of_the_kind_they_say(everyday_work: bool) -> None:
    for event in events(7, 1_500, everyday=everyday_work):
        ijson.check(event)
        read = decode(event)
        body = decode_body(read.kind, read.body)
        assert body_of(body) == read.body


def test_everyday_work_has_every_kind() -> None:
    kinds = {decode(event).kind for event in events(8, 6_000, everyday=True)}
    assert kinds == KINDS


def test_dossiers_and_check_ins_have_the_usual_size() -> None:
    journal = events(9, 2_000)
    assert {decode(event).kind for event in journal} == {"dossier.received", "visit.checked_in"}
    assert 490 < sum(map(len, journal)) / len(journal) < 550


def test_visits_carry_a_salt_and_dossiers_none() -> None:
    for event in events(10, 500, everyday=True):
        read = decode(event)
        assert (read.salt is not None) == read.kind.startswith("visit.")


def test_names_of_procedures_are_not_repeated() -> None:
    assert not any("Thủ tục đăng ký" in event.decode() for event in events(11, 500))


def test_a_desk_journal_holds_what_the_interface_knows() -> None:
    kinds = set()
    for event in desk_events(12):
        ijson.check(event)
        read = decode(event)
        decode_body(read.kind, read.body)
        kinds.add(read.kind)
    assert kinds <= BODIES.keys()
    assert {"policy.set", "procedure.set", "calendar.set", "numbers.leased"} <= kinds


def test_the_memory_answers_what_only_rarer_commands_ask() -> None:
    memory = Memory(made_up_place(1))
    assert memory.owns_volume(1)
    assert not memory.owns_volume(2)
    assert not memory.book_taken(2026, 1, 1)
    assert memory.visit("no-such-id") is None
    assert memory.open_dossier_of("001184000017", "1.001193") is None


def test_the_memory_forgets_who_cannot_be_known_again() -> None:
    memory = Memory(made_up_place(1))
    for seq, visitor in enumerate((Visitor(full_name="Lê Hà"), Visitor(phone="0912345678")), 1):
        body = VisitCheckedIn(visitor=visitor, method="declared_by_staff")
        memory.take_in(seq, NewEvent("visit.checked_in", None, body, retained=True), seq)
    assert [found.ref for found in memory.inside()] == [2]


def test_an_office_elsewhere_has_its_own_places_and_people() -> None:
    place = made_up_place(3)
    assert isinstance(place, Place)
    own = [event for event in events(13, 300, place=place) if place.commune in event.decode()]
    assert len(own) > 150
    assert not any("Ứng Hòa" in event.decode() for event in own)


def test_a_made_up_office_has_no_conflicts_and_scans_nothing() -> None:
    memory = Memory(made_up_place(1))
    assert memory.in_conflict("00000000-0000-0000-0000-000000000001") is None
    assert memory.captured("/scan.pdf") is None
