"""What happens to a dossier that is there."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from records.decision import Decision
from records.dossier import evolve, is_late
from records.events import decode_body
from records.office_events import DossierCorrected, DossierExtended, DossierReceived
from records.values import Applicant
from tests.records.office import APPLICANT, Office
from wire.problems import Refusal

LATER = "2026-12-04T17:00:00+07:00"


def office_with(procedure_code: str = "1.000001", **members: Any) -> Office:
    office = Office()
    office.receive(procedure_code, **members)
    return office


def do(office: Office, command: str, **members: Any) -> Decision:
    return office.submit(command, dossier="2026/1/1", **members)


def ask(office: Office) -> Decision:
    return do(office, "dossier.request_supplement", papers=["Giấy chứng sinh"], reason="Thiếu")


def refused(office: Office, command: str, **members: Any) -> Refusal:
    before = len(office.journal)
    with pytest.raises(Refusal) as refusal:
        do(office, command, **members)
    assert len(office.journal) == before
    return refusal.value


def warned(decision: Decision) -> list[str]:
    return [caution.code for caution in decision.warnings]


def test_a_dossier_is_found_by_code_book_and_id() -> None:
    office = office_with()
    code = office.only().code
    for ref in (code, "1/1", "2026/1/1", "00000000-0000-0000-0000-000000000001"):
        decision = office.submit("dossier.pay", dossier=ref, name="Lệ phí", amount_vnd=1, by="cash")
        assert (decision.code, decision.subject) == (code, 1)


def test_an_unknown_dossier_is_refused_by_name() -> None:
    office = Office()
    refusal = refused(office, "dossier.stop", reason="x")
    assert (refusal.code, refusal.errors[0].path) == ("dossier-unknown", "dossier")
    assert "2026/1/1" in refusal.detail.en


def test_an_answer_repeats_the_numbers_and_the_due_time_as_they_are_now() -> None:
    office = office_with()
    decision = do(office, "dossier.forward", to="Địa chính", holder="office")
    assert (decision.code, decision.book, decision.book_year) == (
        "H26.107-261120-0001",
        "1/1",
        2026,
    )
    assert decision.due_at == "2026-11-30T17:00:00+07:00"
    assert decision.id == "00000000-0000-0000-0000-000000000001"


def test_waiting_for_papers_nothing_is_due() -> None:
    office = office_with()
    assert ask(office).due_at is None
    assert office.only().state == "supplement_requested"
    office.wait(days=60)
    assert not is_late(office.only(), office.now_ms)


def test_a_supplement_counts_from_zero_and_goes_back_to_where_it_was() -> None:
    office = office_with()
    do(office, "dossier.forward", to="Địa chính", holder="office")
    ask(office)
    office.wait(days=5)
    paper = {"name": "Giấy chứng sinh", "copies": 1, "original": True}
    decision = do(office, "dossier.supplement", documents=[paper])
    assert decision.due_at == "2026-12-02T17:00:00+07:00", "five working days after Wed 25/11"
    assert office.only().state == "forwarded"
    assert [document.name for document in office.only().documents] == ["Giấy chứng sinh"]


def test_a_supplement_may_not_set_a_time_the_catalogue_has() -> None:
    office = office_with()
    ask(office)
    refusal = refused(office, "dossier.supplement", documents=[], due_at=LATER)
    assert [error.path for error in refusal.errors] == ["due_at"]


def test_without_a_time_in_the_catalogue_as_many_days_count_as_at_first() -> None:
    office = office_with("1.000002", due_at="2026-11-26T17:00:00+07:00")
    ask(office)
    office.wait(days=5)
    decision = do(office, "dossier.supplement", documents=[])
    assert decision.due_at == "2026-11-30T17:00:00+07:00", "three working days after Wed 25/11"


def test_without_a_time_in_the_catalogue_the_clerk_may_give_another() -> None:
    office = office_with("1.000002", due_at="2026-11-26T17:00:00+07:00")
    ask(office)
    assert do(office, "dossier.supplement", documents=[], due_at=LATER).due_at == LATER


def test_a_procedure_that_left_the_catalogue_is_still_counted() -> None:
    office = office_with()
    ask(office)
    office.procedures.clear()
    decision = do(office, "dossier.supplement", documents=[])
    assert decision.due_at == "2026-11-30T17:00:00+07:00"


def test_papers_asked_for_late_warn() -> None:
    office = office_with()
    assert warned(ask(office)) == []
    office = office_with()
    office.wait(days=7)
    assert warned(ask(office)) == ["supplement-late"]


def test_a_dossier_is_extended_once() -> None:
    office = office_with()
    decision = do(office, "dossier.extend", due_at=LATER, reason="Cần xác minh")
    assert decision.due_at == LATER
    assert warned(decision) == []
    again = refused(office, "dossier.extend", due_at="2026-12-09T17:00:00+07:00", reason="x")
    assert again.code == "state-forbidden"
    assert "dossier.extend" not in again.detail.vi


def test_a_late_extension_is_done_and_marked() -> None:
    office = office_with()
    office.wait(days=9, hours=8)
    decision = do(office, "dossier.extend", due_at=LATER, reason="Cần xác minh")
    (event,) = decision.events
    assert isinstance(event.body, DossierExtended)
    assert event.body.late
    assert warned(decision) == ["extension-late"]


@pytest.mark.parametrize("due_at", ["2026-11-30T17:00:00+07:00", "2026-11-19T17:00:00+07:00"])
def test_an_extension_gives_a_later_time(due_at: str) -> None:
    refusal = refused(office_with(), "dossier.extend", due_at=due_at, reason="x")
    assert [(error.path, error.code) for error in refusal.errors] == [("due_at", "field-invalid")]


def test_an_immediate_result_comes_straight_from_receipt() -> None:
    office = office_with("1.001193")
    do(office, "dossier.resolve", result={"kind": "paper", "number": "12/2026"})
    dossier = office.only()
    assert (dossier.state, dossier.outcome, dossier.immediate) == ("resolved", "resolved", True)
    assert dossier.resolved_at_ms == office.now_ms


def test_a_result_after_work_is_not_immediate() -> None:
    office = office_with()
    do(office, "dossier.forward", to="Địa chính", holder="office")
    do(office, "dossier.resolve", result={"kind": "both"})
    assert not office.only().immediate


@pytest.mark.parametrize(
    ("command", "state"),
    [("refuse", "refused"), ("stop", "stopped"), ("withdraw", "withdrawn")],
)
def test_other_endings_have_no_result(command: str, state: str) -> None:
    office = office_with()
    do(office, f"dossier.{command}", reason="Theo đề nghị")
    assert office.only().state == state
    assert office.only().resolved_at_ms is None
    assert office.only().ended_at_ms == office.now_ms


def test_the_holder_follows_the_dossier() -> None:
    office = office_with()
    assert office.only().holder == "office"
    do(office, "dossier.forward", to="Sở Tư pháp", holder="province")
    assert office.only().holder == "province"
    do(office, "dossier.forward", to="Địa chính", holder="office")
    assert office.only().holder == "office"


def test_a_result_given_at_the_counter_is_returned() -> None:
    office = office_with("1.001193")
    do(office, "dossier.resolve", result={"kind": "paper"})
    office.wait(hours=1)
    to = {"full_name": "Lê Văn An", "paper": "Giấy ủy quyền"}
    do(office, "dossier.return", by="direct", to=to)
    assert (office.only().state, office.only().returned_at_ms) == ("returned", office.now_ms)


def test_a_result_sent_by_post_is_on_its_way() -> None:
    office = office_with("1.001193")
    do(office, "dossier.resolve", result={"kind": "paper"})
    decision = do(office, "dossier.return", by="postal", item="RR123456784VN")
    assert (office.only().state, office.only().returned_at_ms) == ("in_post", None)
    assert warned(decision) == ["item-misread"]


def test_what_is_still_to_be_paid_is_said_when_the_result_goes_out() -> None:
    office = office_with()
    do(office, "dossier.pay", name="Lệ phí", amount_vnd=10_000, by="cash")
    do(office, "dossier.resolve", result={"kind": "paper"})
    decision = do(office, "dossier.return", by="direct")
    assert warned(decision) == ["fees-unpaid"]
    assert "20000" in decision.warnings[0].message.vi


def test_too_much_money_warns() -> None:
    office = office_with()
    pay = {"name": "Lệ phí", "amount_vnd": 20_000, "by": "cash", "receipt": "AA-001"}
    assert warned(do(office, "dossier.pay", **pay)) == []
    assert warned(do(office, "dossier.pay", **pay)) == ["overpaid"]
    assert office.only().fees_paid_vnd == 40_000


def test_the_way_back_may_change_until_the_result_is_back() -> None:
    office = office_with()
    decision = do(office, "dossier.change_return", return_channel="postal")
    assert warned(decision) == ["address-missing"]
    do(office, "dossier.change_return", return_channel="postal", return_address="Thôn 2")
    assert (office.only().return_channel, office.only().return_address) == ("postal", "Thôn 2")
    assert office.only().due_at_ms == office.only().first_due_at_ms


def test_a_result_to_be_collected_stays_at_the_counter() -> None:
    office = office_with("1.000002", due_at=LATER)
    refusal = refused(office, "dossier.change_return", return_channel="postal")
    assert [error.path for error in refusal.errors] == ["return_channel"]


def test_a_correction_replaces_and_clears() -> None:
    office = office_with(applicant=APPLICANT | {"phone": "0912345678"}, note="Ghi chú", sets=2)
    changes = {
        "applicant.phone": None,
        "applicant.date_of_birth": "1984-03-05",
        "note": "Đã sửa",
        "sets": 3,
    }
    do(office, "dossier.correct", set=changes, reason="Ghi nhầm")
    dossier = office.only()
    assert dossier.applicant.phone is None
    assert dossier.applicant.date_of_birth is not None
    assert dossier.applicant.full_name == APPLICANT["full_name"]
    assert (dossier.note, dossier.sets) == ("Đã sửa", 3)


PASSPORT = APPLICANT | {"id_kind": "passport", "id_number": "C01X00T47"}


def test_the_place_in_the_register_is_corrected_where_there_is_one_and_another_is_free() -> None:
    office = office_with()
    do(office, "dossier.correct", set={"book": "1/58"}, reason="Trùng số")
    assert (office.only().book, office.only().book_year) == ("1/58", 2026)
    later = evolve(
        office.only(),
        "dossier.corrected",
        DossierCorrected(set={"book": "of a later version"}, reason=""),
        0,
    )
    assert later.book == "1/58"
    received = office.receive(applicant={"full_name": "Lê An"})
    with pytest.raises(Refusal) as refusal:
        office.submit(
            "dossier.correct", dossier="2026/1/58", set={"book": received.book}, reason="x"
        )
    assert [error.path for error in refusal.value.errors] == ["set.book"]


def test_a_dossier_of_no_register_has_no_place_to_correct() -> None:
    office = Office()
    body = DossierReceived(
        procedure_code="1.000001",
        channel="direct",
        return_channel="direct",
        applicant=Applicant(full_name="Lê An"),
    )
    office.append("dossier.received", None, body)
    with pytest.raises(Refusal) as refusal:
        office.submit("dossier.correct", dossier=str(UUID(int=1)), set={"book": "1/58"}, reason="x")
    assert [error.path for error in refusal.value.errors] == ["set.book"]


def test_a_corrected_number_has_the_shape_of_the_dossiers_own_kind() -> None:
    office = office_with(applicant=PASSPORT)
    do(office, "dossier.correct", set={"applicant.id_number": "C01X00T74"}, reason="Gõ nhầm")
    assert office.only().applicant.id_number == "C01X00T74"
    number = {"applicant.id_number": "0100109106-001"}
    refusal = refused(office, "dossier.correct", set=number, reason="Gõ nhầm")
    assert [error.path for error in refusal.errors] == ["set.applicant.id_number"]
    citizen = office_with()
    refusal = refused(citizen, "dossier.correct", set={"applicant.id_number": "12345"}, reason="x")
    assert [error.path for error in refusal.errors] == ["set.applicant.id_number"]


@pytest.mark.parametrize("kind", ["cccd", "none", None])
def test_a_corrected_kind_agrees_with_the_dossiers_own_number(kind: str | None) -> None:
    office = office_with(applicant=PASSPORT)
    change = {"applicant.id_kind": kind}
    refusal = refused(office, "dossier.correct", set=change, reason="Nhầm loại")
    assert [(error.path, error.code) for error in refusal.errors] == [
        ("set.applicant.id_kind", "field-invalid")
    ]
    both = {"applicant.id_kind": "cccd", "applicant.id_number": "001184000017"}
    do(office, "dossier.correct", set=both, reason="Đã có căn cước")
    assert office.only().applicant.id_kind == "cccd"


def test_an_old_number_does_not_stand_in_the_way_of_another_correction() -> None:
    office = office_with()
    body = decode_body("dossier.corrected", b'{"set":{"applicant.id_number":"7"},"reason":"x"}')
    office.append("dossier.corrected", 1, body)
    do(office, "dossier.correct", set={"applicant.phone": "0912345601"}, reason="Thêm số")
    assert office.only().applicant.phone == "0912345601"


def test_a_correction_of_pages_works_the_fee_out_anew() -> None:
    office = office_with("2.000815", pages=2)
    assert office.only().fees_due_vnd == 4_000
    decision = do(office, "dossier.correct", set={"pages": 3}, reason="Đếm lại")
    assert office.only().fees_due_vnd == 5_000
    (event,) = decision.events
    assert isinstance(event.body, DossierCorrected)
    assert event.body.fees_due_vnd == 5_000


def test_a_correction_outlives_its_procedure() -> None:
    office = office_with("2.000815", pages=2)
    office.procedures.clear()
    do(office, "dossier.correct", set={"pages": 3}, reason="Đếm lại")
    assert (office.only().pages, office.only().fees_due_vnd) == (3, 4_000)


def test_a_new_proxy_is_complete() -> None:
    office = office_with()
    half = {"proxy.full_name": "Lê Văn An"}
    refusal = refused(office, "dossier.correct", set=half, reason="Thêm người nộp thay")
    assert [error.path for error in refusal.errors] == ["set.proxy"]
    whole = half | {"proxy.paper": "Giấy ủy quyền số 3"}
    do(office, "dossier.correct", set=whole, reason="Thêm người nộp thay")
    do(office, "dossier.correct", set={"proxy.phone": "0912345601"}, reason="Thêm số")
    proxy = office.only().proxy
    assert proxy is not None
    assert (proxy.full_name, proxy.phone) == ("Lê Văn An", "0912345601")


def test_what_is_recorded_holds_no_reference_but_the_subject() -> None:
    office = office_with()
    do(office, "dossier.stop", reason="Dừng")
    assert office.journal[1].subject == 1
    assert msgspec.json.decode(office.journal[1].body) == {"reason": "Dừng"}
