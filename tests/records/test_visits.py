"""People come in and leave."""

from datetime import datetime
from typing import Any

import msgspec
import pytest

from records import visits
from records.calendar import Calendar
from records.decision import Decision
from records.moment import to_ms
from records.office_events import VisitCheckedIn, VisitEnded
from records.values import Symptom, Visitor
from records.visits import Visit, person_key
from tests.records.office import KEY, Office
from wire.problems import Refusal

AN = {"full_name": "Lê Văn An", "id_number": "001085000001", "phone": "0912345678"}


def come(office: Office, visitor: dict[str, Any] | None = None, **members: Any) -> Decision:
    return office.submit("visit.check_in", visitor=visitor or AN, method="id_card_qr", **members)


def leave(office: Office, **members: Any) -> Decision:
    return office.submit("visit.check_out", **(members or {"visitor": AN}))


def at(text: str) -> int:
    return to_ms(datetime.fromisoformat(f"{text}:00+07:00"))


def test_somebody_comes_in_and_leaves() -> None:
    office = Office()
    decision = come(office, room="Phòng 2", person="staff")
    assert decision.subject is None
    office.wait(minutes=20)
    left = leave(office)
    assert (left.subject, left.id) == (1, "00000000-0000-0000-0000-000000000001")
    (visit,) = office.visits.values()
    assert (visit.room, visit.person, visit.by) == ("Phòng 2", "staff", "self")
    assert visit.out_at_ms == office.now_ms
    assert not visit.is_inside


def test_health_data_bears_a_salt() -> None:
    office = Office()
    for decision in (come(office), leave(office)):
        assert [event.retained for event in decision.events] == [True]


def test_the_same_scan_within_a_minute_is_answered_again_and_not_recorded() -> None:
    office = Office()
    come(office)
    office.wait(seconds=60)
    again = come(office)
    assert again.repeat
    assert (again.events, again.repeated_seq) == ((), 1)
    assert len(office.journal) == 1


def test_whoever_left_within_the_minute_comes_in_anew() -> None:
    office = Office()
    come(office)
    office.wait(seconds=34)
    leave(office)
    office.wait(seconds=10)
    again = come(office)
    assert again.repeated_seq is None
    assert [event.kind for event in again.events] == ["visit.checked_in"]
    assert again.warnings == ()
    assert [visit.is_inside for visit in office.visits.values()] == [False, True]
    office.wait(seconds=10)
    assert come(office).repeated_seq == 3, "now they are inside, and this is the same scan"


def test_after_a_minute_a_second_check_in_is_recorded_with_a_warning() -> None:
    office = Office()
    come(office)
    office.wait(seconds=61)
    again = come(office)
    assert [caution.code for caution in again.warnings] == ["visit-open"]
    assert "10:00" in again.warnings[0].message.vi
    assert len(office.journal) == 2


def test_people_without_any_number_are_never_taken_for_each_other() -> None:
    office = Office()
    for _ in range(2):
        assert not come(office, {"full_name": "Lê Văn An"}).repeat
    assert len(office.visits) == 2


def test_a_check_out_may_name_the_visit() -> None:
    office = Office()
    come(office)
    ref = "00000000-0000-0000-0000-000000000001"
    assert leave(office, visit=ref).subject == 1
    office.wait(seconds=30)
    assert leave(office, visit=ref).repeat
    office.wait(minutes=5)
    with pytest.raises(Refusal, match="state-forbidden"):
        leave(office, visit=ref)


def test_an_unknown_visit_is_refused() -> None:
    with pytest.raises(Refusal) as refusal:
        leave(Office(), visit="00000000-0000-0000-0000-000000000009")
    assert refusal.value.code == "visit-unknown"
    assert refusal.value.errors[0].path == "visit"


def test_leaving_twice_within_a_minute_is_answered_again() -> None:
    office = Office()
    come(office)
    office.wait(minutes=5)
    leave(office)
    assert leave(office).repeated_seq == 1
    assert len(office.journal) == 2


@pytest.mark.parametrize("visitor", [AN, {"full_name": "Lê Văn An"}])
def test_a_check_out_without_check_in_is_recorded(visitor: dict[str, str]) -> None:
    office = Office()
    decision = leave(office, visitor=visitor)
    assert decision.subject is None
    (visit,) = office.visits.values()
    assert (visit.in_at_ms, visit.name) == (None, "Lê Văn An")


def test_a_new_day_begins_with_a_check_in() -> None:
    office = Office()
    come(office)
    office.wait(days=1)
    assert come(office).warnings == ()
    office.wait(days=1)
    assert leave(office).subject is None, "nobody came in on that day"


@pytest.mark.parametrize(
    ("celsius", "symptoms", "limit", "suspected"),
    [
        (37.4, (), None, False),
        (37.5, (), None, True),
        (37.5, (), 38.0, False),
        (38.0, (), 38.0, True),
        (None, ("cough",), None, True),
        (None, None, None, False),
    ],
)
def test_a_temperature_or_a_symptom_makes_suspected(
    celsius: float | None,
    symptoms: tuple[Symptom, ...] | None,
    limit: float | None,
    suspected: bool,
) -> None:
    office = Office()
    office.temperature_max_c = limit
    decision = come(office, temperature_c=celsius, symptoms=symptoms)
    (event,) = decision.events
    assert isinstance(event.body, VisitCheckedIn)
    assert event.body.suspected is suspected
    assert office.visits[1].suspected is suspected


def test_a_person_is_known_by_number_then_pass_then_phone() -> None:
    number = person_key(Visitor(id_number="001085000001", phone="0912345678"), KEY)
    assert number == person_key(Visitor(id_number=" 001085000001", pass_id="x"), KEY)
    card = person_key(Visitor(pass_id="x", phone="0912345678"), KEY)
    phone = person_key(Visitor(phone="0912345678"), KEY)
    assert phone == person_key(Visitor(phone="+84 912 345 678"), KEY)
    assert len({number, card, phone}) == 3
    assert person_key(Visitor(full_name="Lê Văn An"), KEY) is None
    assert number != person_key(Visitor(id_number="001085000001"), b"k" * 32)


def test_a_scan_at_the_door_means_in_then_out_then_in() -> None:
    came = Visit(in_at_ms=at("2026-11-20T08:00"))
    left = Visit(in_at_ms=at("2026-11-20T08:00"), out_at_ms=at("2026-11-20T09:00"))
    assert visits.passage(None, at("2026-11-20T08:00")) == "in"
    assert visits.passage(came, at("2026-11-20T08:01")) == "repeat"
    assert visits.passage(came, at("2026-11-20T08:02")) == "out"
    assert visits.passage(left, at("2026-11-20T09:01")) == "repeat"
    assert visits.passage(left, at("2026-11-20T09:02")) == "in"
    assert visits.passage(came, at("2026-11-21T08:02")) == "in"


def test_a_forgotten_visit_ends_two_hours_after_closing_as_of_closing() -> None:
    visit = Visit(in_at_ms=at("2026-11-20T16:00"))
    assert visits.day_end(visit, at("2026-11-20T18:59"), Calendar()) is None
    ended = visits.day_end(visit, at("2026-11-20T19:00"), Calendar())
    assert ended is not None
    after = visits.evolve(visit, "visit.ended", ended, at("2026-11-20T19:00"))
    assert (after.out_at_ms, after.by) == (at("2026-11-20T17:00"), "day_end")
    assert visits.day_end(after, at("2026-11-20T20:00"), Calendar()) is None


def test_somebody_who_came_after_closing_is_never_out_before_in() -> None:
    visit = Visit(in_at_ms=at("2026-11-20T18:00"))
    ended = visits.day_end(visit, at("2026-11-20T19:00"), Calendar())
    assert ended is not None
    assert to_ms(ended.out_at) == visit.in_at_ms


def test_a_visit_that_is_over_is_not_ended_again() -> None:
    left = Visit(in_at_ms=at("2026-11-20T08:00"), out_at_ms=at("2026-11-20T09:00"), by="self")
    ended = VisitEnded(out_at=datetime.fromisoformat("2026-11-20T17:00:00+07:00"))
    assert visits.evolve(left, "visit.ended", ended, 0) == left


def test_events_of_a_later_version_leave_a_visit_as_it_is() -> None:
    class Later(msgspec.Struct):
        pass

    visit = Visit(in_at_ms=1)
    assert visits.evolve(visit, "visit.later", Later(), 2) is visit
    with pytest.raises(LookupError, match=r"visit\.later"):
        visits.evolve(None, "visit.later", Later(), 2)
