"""A dossier comes in: its numbers, its due time, its fee, and what the clerk is told."""

from datetime import date
from typing import Any

import msgspec
import pytest

from records.decision import Decision
from records.leases import LeaseWarning
from records.moment import ClockState, local
from records.office_events import DossierReceived
from tests.records.office import APPLICANT, Office
from wire.problems import Refusal

PAPER = {"volume": 7, "number": 12, "at": "2026-11-19T08:15:00+07:00"}


def warned(decision: Decision) -> list[tuple[str, str]]:
    return [(caution.code, caution.path) for caution in decision.warnings]


def refused(office: Office, procedure_code: str = "1.000001", **members: Any) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        office.receive(procedure_code, **members)
    assert office.journal == [], "a refusal records nothing"
    return refusal.value


def received(decision: Decision) -> DossierReceived:
    (event,) = decision.events
    assert isinstance(event.body, DossierReceived)
    return event.body


def test_a_dossier_gets_its_code_its_place_in_the_book_and_its_due_time() -> None:
    decision = Office().receive()
    assert decision.code == "H26.107-261120-0001"
    assert (decision.book, decision.book_year) == ("1/1", 2026)
    assert decision.due_at == "2026-11-30T17:00:00+07:00"
    assert decision.subject is None
    assert not decision.repeat
    assert warned(decision) == []


def test_the_next_dossier_gets_the_next_numbers() -> None:
    office = Office()
    office.receive()
    decision = office.receive("1.001193")
    assert (decision.code, decision.book) == ("H26.107-261120-0002", "1/2")


def test_the_event_bears_code_and_version_but_no_names() -> None:
    office = Office()
    body = received(office.receive("1.001193"))
    assert (body.procedure_code, body.version) == ("1.001193", "2026-11")
    assert "khai sinh" not in office.journal[0].body.decode()


def test_the_event_holds_only_what_was_said() -> None:
    office = Office()
    office.receive("1.001193")
    assert msgspec.json.decode(office.journal[0].body).keys() == {
        "procedure_code",
        "version",
        "channel",
        "return_channel",
        "applicant",
        "code",
        "book",
        "due_at",
        "fees_due_vnd",
    }


def test_an_unknown_procedure_is_refused() -> None:
    refusal = refused(Office(), "9.999999")
    assert refusal.code == "procedure-unknown"
    assert refusal.errors[0].path == "procedure_code"
    assert "9.999999" in refusal.detail.vi


def test_without_a_time_in_the_catalogue_the_clerk_gives_one() -> None:
    refusal = refused(Office(), "1.000002")
    assert (refusal.code, refusal.errors[0].path) == ("due-required", "due_at")
    decision = Office().receive("1.000002", due_at="2026-12-01T10:00:00Z")
    assert decision.due_at == "2026-12-01T17:00:00+07:00"


def test_with_a_time_in_the_catalogue_the_clerk_gives_none() -> None:
    refusal = refused(Office(), due_at="2026-12-01T17:00:00+07:00")
    assert (refusal.code, refusal.errors[0].path) == ("field-invalid", "due_at")


def test_a_due_time_lies_after_the_filing() -> None:
    refusal = refused(Office(), "1.000002", due_at="2026-11-20T09:00:00+07:00")
    assert (refusal.code, refusal.errors[0].path) == ("field-invalid", "due_at")


def test_a_result_that_must_be_collected_is_not_sent_by_post() -> None:
    refusal = refused(Office(), "1.000002", return_channel="postal")
    assert [error.path for error in refusal.errors] == ["return_channel", "due_at"]


def test_the_fee_of_the_catalogue_is_worked_out_once() -> None:
    assert received(Office().receive("2.000815", pages=3, copies=2)).fees_due_vnd == 10_000
    assert received(Office().receive("2.000815")).fees_due_vnd is None
    decision = Office().receive("1.000002", due_at="2026-12-01T17:00:00+07:00")
    assert received(decision).fees_due_vnd is None


def test_without_a_lease_there_is_a_place_in_the_book_and_no_code() -> None:
    office = Office()
    office.lease_prefix = None
    office.warnings = (LeaseWarning("lease-ending", 0, 0),)
    decision = office.receive()
    assert (decision.code, decision.book) == (None, "1/1")
    assert warned(decision) == [("code-missing", ""), ("lease-ending", "")]


def test_the_last_leased_number_is_given_and_no_more() -> None:
    office = Office()
    office.leased = range(7, 8)
    office.warnings = (LeaseWarning("lease-low", 20, 1),)
    first, second = office.receive(), office.receive("1.001193")
    assert [code for code, _ in warned(first)] == ["lease-low"]
    assert [code for code, _ in warned(second)] == ["code-missing", "lease-low"]
    assert (first.code, second.code) == ("H26.107-261120-0007", None)
    assert "1" in first.warnings[0].message.vi
    assert second.book == "1/2"


def test_without_a_volume_the_dossier_is_recorded_all_the_same() -> None:
    office = Office()
    office.volume = None
    decision = office.receive()
    assert (decision.book, decision.book_year) == (None, None)
    assert warned(decision) == [("book-missing", "")]


def test_a_paper_entry_brings_its_day_and_its_place() -> None:
    decision = Office().receive(paper=PAPER)
    assert (decision.code, decision.book) == ("H26.107-261119-0001", "7/12")
    assert decision.due_at == "2026-11-27T17:00:00+07:00", "five working days from the paper's day"


def test_a_paper_entry_counts_from_the_moment_on_paper() -> None:
    office = Office()
    office.receive(paper=PAPER)
    assert office.only().received_at_ms < office.now_ms


def test_a_paper_entry_is_refused_with_everything_that_is_wrong() -> None:
    later = "2026-11-21T08:15:00+07:00"
    refusal = refused(Office(), paper=PAPER | {"volume": 1, "at": later})
    assert [error.path for error in refusal.errors] == ["paper.at", "paper.volume"]


def test_a_place_on_paper_is_entered_once() -> None:
    office = Office()
    office.receive(paper=PAPER)
    with pytest.raises(Refusal) as refusal:
        office.receive(paper=PAPER)
    assert [error.path for error in refusal.value.errors] == ["paper.number"]


def test_a_clock_that_is_behind_gives_no_code_but_a_place_in_this_years_book() -> None:
    office = Office()
    office.receive()
    office.now_ms, office.clock_state = 0, "unsynced"
    decision = office.receive("1.001193")
    assert decision.code is None
    assert (decision.book, decision.book_year) == ("1/2", 2026)
    assert [code for code, _ in warned(decision)] == ["clock-unsure", "code-withheld"]


def test_a_clock_that_stays_behind_gives_no_code_to_the_next_one_either() -> None:
    office = Office()
    office.receive()
    office.now_ms, office.clock_state = 0, "unsynced"
    office.receive("1.001193")
    office.wait(hours=1)
    decision = office.receive("2.000815")
    assert (decision.code, decision.book, decision.book_year) == (None, "1/3", 2026)


def test_a_clock_that_is_unsure_but_not_behind_gives_codes() -> None:
    office = Office()
    office.clock_state = "unsynced"
    first = office.receive()
    office.wait(hours=1)
    second = office.receive("1.001193")
    assert (first.code, second.code) == ("H26.107-261120-0001", "H26.107-261120-0002")
    assert warned(first) == [("clock-unsure", "")]


def test_a_clock_in_doubt_gives_no_code_even_ahead_of_what_was_recorded() -> None:
    office = Office()
    office.receive()
    office.wait(days=400)
    doubts: list[tuple[ClockState, bool]] = [
        ("suspect", False), ("suspect", True), ("unsynced", True),
    ]  # fmt: skip
    for state, fresh in doubts:
        office.clock_state, office.fresh_boot = state, fresh
        decision = office.receive("1.001193")
        assert (decision.code, decision.book_year) == (None, 2026)
        assert [code for code, _ in warned(decision)][:2] == ["clock-unsure", "code-withheld"]
        office.journal.pop()  # its time would be the newest: the next one stands before it again


def test_whoever_compared_the_clock_says_so_and_a_clock_that_is_apart_is_set_first() -> None:
    office = Office()
    office.clock_state = "suspect"
    near = local(office.now_ms + 9 * 60_000).isoformat()
    (event,) = office.submit("clock.confirm", now=near).events
    assert event.kind == "clock.observed"
    with pytest.raises(Refusal) as refused:
        office.submit("clock.confirm", now=local(office.now_ms - 11 * 60_000).isoformat())
    assert refused.value.code == "clock-unconfirmed"
    assert [error.path for error in refused.value.errors] == ["now"]


def test_a_paper_entry_names_its_own_day_when_the_clock_is_behind() -> None:
    office = Office()
    office.receive()
    office.now_ms, office.clock_state = 0, "suspect"
    assert office.receive("1.001193", paper=PAPER).code == "H26.107-261119-0001"


def test_a_card_that_disagrees_with_itself_only_warns() -> None:
    applicant = APPLICANT | {"date_of_birth": "1985-03-05", "gender": "male"}
    decision = Office().receive(applicant=applicant)
    assert warned(decision) == [
        ("birth-year-differs", "applicant.date_of_birth"),
        ("gender-differs", "applicant.gender"),
    ]


def test_a_second_dossier_of_the_same_person_and_procedure_warns() -> None:
    office = Office()
    first = office.receive()
    decision = office.receive()
    assert warned(decision) == [("open-dossier", "applicant.id_number")]
    assert first.code is not None
    assert first.code in decision.warnings[0].message.vi


def test_ways_the_catalogue_does_not_list_warn() -> None:
    decision = Office().receive("1.000002", channel="online", due_at="2026-12-01T17:00:00+07:00")
    assert warned(decision) == [("channel-unlisted", "channel")]


def test_a_way_back_the_catalogue_does_not_list_warns() -> None:
    office = Office()
    known = office.procedures["1.000001"]
    office.procedures["1.000001"] = msgspec.structs.replace(known, return_channels=("direct",))
    assert warned(office.receive(return_channel="online")) == [
        ("channel-unlisted", "return_channel")
    ]


def test_post_without_an_address_warns() -> None:
    assert warned(Office().receive(return_channel="postal")) == [
        ("address-missing", "return_address")
    ]
    assert warned(Office().receive(return_channel="postal", return_address="Thôn 1")) == []


def test_a_misread_item_number_warns() -> None:
    assert warned(Office().receive(item="RR123456784VN")) == [("item-misread", "item")]
    assert warned(Office().receive(item="RR123456785VN")) == []


def test_an_override_is_recorded() -> None:
    office = Office()
    office.receive(override={"reason": "Người khuyết tật", "supervisor": "hoa.tt"}, urgent=True)
    assert office.only().overridden
    assert office.only().urgent


def test_declining_leaves_no_dossier_and_no_number() -> None:
    office = Office()
    decision = office.submit(
        "dossier.decline",
        procedure_code="1.000001",
        reason="Thiếu giấy tờ",
        form="02",
        papers=["Tờ khai"],
        applicant=APPLICANT | {"gender": "male"},
    )
    assert (decision.code, decision.book, decision.due_at) == (None, None, None)
    assert office.dossiers == {}
    assert warned(decision) == [("gender-differs", "applicant.gender")]


def test_declining_nobody_in_particular() -> None:
    members = {"procedure_code": "1.000001", "reason": "Không thuộc thẩm quyền", "form": "03"}
    assert warned(Office().submit("dossier.decline", **members)) == []


def test_declining_an_unknown_procedure_is_refused() -> None:
    with pytest.raises(Refusal, match="procedure-unknown"):
        Office().submit("dossier.decline", procedure_code="9", reason="Thiếu", form="02")


def test_a_person_without_a_number_is_never_taken_for_another() -> None:
    office = Office()
    for _ in range(2):
        assert warned(office.receive(applicant={"full_name": "Lê Văn An"})) == []


def test_a_paper_entry_is_warned_of_todays_numbers() -> None:
    office = Office()
    asked: list[date] = []

    def lease_warnings(day: date) -> tuple[LeaseWarning, ...]:
        asked.append(day)
        return (LeaseWarning("lease-low", 20, 3),)

    office.lease_warnings = lease_warnings  # type: ignore[method-assign]
    paper = {"volume": 7, "number": 1, "at": "2026-11-02T09:00:00+07:00"}
    decision = office.receive(paper=paper)
    assert decision.code == "H26.107-261102-0001"
    assert asked == [date(2026, 11, 20)]
    assert warned(decision) == [("lease-low", "")]
