"""What the fold makes of events from the other side, and of what clashes."""

from datetime import datetime
from typing import Any

import msgspec
import pytest

from records.dossier import Dossier, evolve, is_late, next_commands
from records.events import BODIES, UnknownKind, decode_body
from records.moment import to_ms
from wire.problems import Refusal

ASSIGNED: dict[str, Any] = {
    "procedure_code": "1.001193",
    "channel": "online",
    "return_channel": "online",
    "applicant": {"full_name": "Nguyễn Thị Ngọc Hà"},
    "code": "H26.107-261121-0001",
    "due_at": "2026-11-23T17:00:00+07:00",
}
AT = "2026-11-21T08:00:00+07:00"


def ms(text: str) -> int:
    return to_ms(datetime.fromisoformat(text))


def tell(dossier: Dossier | None, kind: str, /, *, when: str = AT, **body: Any) -> Dossier:
    return evolve(dossier, kind, decode_body(kind, msgspec.json.encode(body)), ms(when))


def assigned(**members: Any) -> Dossier:
    return tell(None, "dossier.assigned", **(ASSIGNED | members))


def test_an_assigned_dossier_comes_with_its_code_and_holder() -> None:
    dossier = assigned(holder="province", received_at="2026-11-20T21:00:00+07:00")
    assert (dossier.code, dossier.holder, dossier.book) == ("H26.107-261121-0001", "province", None)
    assert dossier.received_at_ms == ms("2026-11-20T21:00:00+07:00")
    assert assigned().received_at_ms == ms(AT)


def test_assigning_again_changes_nothing() -> None:
    dossier = assigned()
    assert tell(dossier, "dossier.assigned", **ASSIGNED) is dossier


def test_a_code_that_came_later_is_taken_once() -> None:
    dossier = msgspec.structs.replace(assigned(), code=None)
    mapped = tell(dossier, "numbers.mapped", dossier="2026/1/1", code="H26.107-261121-0009")
    assert mapped.code == "H26.107-261121-0009"
    again = tell(mapped, "numbers.mapped", dossier="2026/1/1", code="H26.107-261121-0010")
    assert (again.code, again.conflicts) == (mapped.code, 1)


def test_the_province_moves_what_it_holds_and_hands_it_back() -> None:
    dossier = assigned(holder="province")
    moved = tell(dossier, "dossier.progressed", dossier="x", state="forwarded")
    assert (moved.state, moved.holder) == ("forwarded", "province")
    assert tell(moved, "dossier.progressed", dossier="x", note="Đang xem") == moved
    back = tell(moved, "dossier.progressed", dossier="x", holder="office", state="resolved")
    assert (back.state, back.holder, back.outcome) == ("resolved", "office", "resolved")


@pytest.mark.parametrize(
    ("state", "due"), [("supplement_requested", None), ("returned", 1), ("in_post", 1)]
)
def test_the_province_may_name_any_state(state: str, due: int | None) -> None:
    moved = tell(assigned(holder="province"), "dossier.progressed", dossier="x", state=state)
    assert moved.state == state
    assert (moved.due_at_ms is None) == (due is None)
    back = tell(moved, "dossier.supplemented", documents=[], due_at=AT)
    assert back.conflicts == (state != "supplement_requested")


def test_a_dossier_set_back_to_work_forgets_its_end() -> None:
    held = assigned(holder="province", due_at="2026-11-30T17:00:00+07:00")
    done = tell(held, "dossier.progressed", dossier="x", state="returned")
    assert (done.outcome, done.ended_at_ms, done.returned_at_ms) == ("resolved", ms(AT), ms(AT))
    back = tell(done, "dossier.progressed", dossier="x", state="forwarded")
    assert (back.state, back.outcome, back.ended_at_ms) == ("forwarded", None, None)
    assert (back.returned_at_ms, back.returned_by, back.due_at_ms) == (None, None, held.due_at_ms)
    asked = tell(done, "dossier.progressed", dossier="x", state="supplement_requested")
    assert (asked.outcome, asked.before, asked.supplement_rounds) == (None, "forwarded", 1)


def test_what_the_province_posts_comes_back_to_what_it_was() -> None:
    held = assigned(holder="province")
    refused = tell(held, "dossier.progressed", dossier="x", state="refused")
    for ended, outcome in ((held, "resolved"), (refused, "refused")):
        sent = tell(ended, "dossier.progressed", dossier="x", state="in_post")
        assert (sent.state, sent.outcome, sent.returned_by) == ("in_post", outcome, "postal")
        back = tell(sent, "postal.marked", item="RR123456785VN", state="came_back")
        assert back.state == outcome


def test_the_provinces_word_on_what_the_office_holds_is_a_conflict() -> None:
    dossier = assigned()
    assert tell(dossier, "dossier.progressed", dossier="x", note="Đã xem") is dossier
    for clash in ({"state": "resolved"}, {"holder": "province"}):
        after = tell(dossier, "dossier.progressed", dossier="x", **clash)
        assert (after.state, after.holder, after.conflicts) == ("received", "office", 1)


def test_an_event_that_clashes_is_counted_and_changes_nothing_else() -> None:
    dossier = tell(assigned(), "dossier.withdrawn", reason="Rút")
    after = tell(dossier, "dossier.resolved", result={"kind": "paper"})
    assert after == msgspec.structs.replace(dossier, kept=after.kept)
    assert after.conflicts == 1


def test_lost_in_the_post_is_a_problem_for_a_person() -> None:
    dossier = tell(assigned(), "dossier.resolved", result={"kind": "paper"})
    sent = tell(dossier, "dossier.returned", by="postal", item="RR123456785VN")
    lost = tell(sent, "postal.marked", item="RR123456785VN", state="lost")
    assert (lost.state, lost.problems, lost.returned_by) == ("resolved", 1, None)
    came = tell(sent, "postal.marked", item="RR123456785VN", state="came_back")
    assert (came.state, came.problems) == ("resolved", 0)
    there = "2026-11-25T09:00:00+07:00"
    delivered = tell(sent, "postal.marked", item="RR123456785VN", state="delivered", at=there)
    assert (delivered.state, delivered.before) == ("returned", None)


def test_a_kind_of_a_later_version_leaves_the_dossier_as_it_is() -> None:
    dossier = assigned()
    assert evolve(dossier, "receipt.printed", msgspec.defstruct("Later", [])(), 1) is dossier
    with pytest.raises(UnknownKind) as unknown:
        decode_body("receipt.printed", b"{}")
    assert unknown.value.kind == "receipt.printed"


def test_a_later_versions_members_are_passed_over() -> None:
    body = {"reason": "Dừng", "colour": "red"}
    assert tell(assigned(), "dossier.stopped", **body).state == "stopped"
    corrected = tell(assigned(), "dossier.corrected", set={"colour": "red"}, reason="x")
    assert corrected == assigned()


def test_an_event_about_a_dossier_nobody_knows_is_refused() -> None:
    with pytest.raises(Refusal, match="dossier-unknown"):
        tell(None, "dossier.stopped", reason="Dừng")


def test_a_dossier_is_not_made_of_something_else() -> None:
    with pytest.raises(TypeError, match="DossierStopped"):
        evolve(None, "dossier.received", decode_body("dossier.stopped", b'{"reason":"x"}'), 1)


@pytest.mark.parametrize(
    ("kind", "raw", "code", "path"),
    [
        ("dossier.forwarded", b'{"to":"x","holder":"moon"}', "field-invalid", "body.holder"),
        ("dossier.stopped", b"{}", "field-invalid", "body"),
        ("policy.set", b'{"order":""}', "field-invalid", "body.order"),
        ("dossier.stopped", b"{", "not-json", None),
        ("dossier.stopped", b'{"reason":"\xff"}', "not-json", None),
    ],
)
def test_a_body_of_the_wrong_type_is_named(
    kind: str, raw: bytes, code: str, path: str | None
) -> None:
    with pytest.raises(Refusal) as refusal:
        decode_body(kind, raw)
    assert refusal.value.code == code
    assert [error.path for error in refusal.value.errors] == ([] if path is None else [path])
    assert kind in refusal.value.detail.vi


INTERFACE_PAGE: dict[str, dict[str, Any]] = {
    "policy.set": {
        "order": "18/CT-UBND",
        "title": "Chỉ thị 18",
        "from": "2026-11-22T00:00:00+07:00",
        "until": None,
        "direct_intake": {
            "suspended": True,
            "except_procedures": ["1.001193"],
            "except_fields": ["Hộ tịch"],
        },
        "seats": [{"room": "main", "capacity": 40, "share": 0.5, "max_people": 20}],
        "temperature_max_c": 37.5,
        "health_declaration": True,
        "visit_retention_days": 21,
        "staff_share_max": 0.5,
        "hotline": "0251-1022",
    },
    "policy.revoked": {"order": "18/CT-UBND"},
    "procedure.set": {
        "code": "1.001193",
        "name": "Thủ tục đăng ký khai sinh",
        "field": "Hộ tịch",
        "working_days": 0,
        "fee": {"rule": "none"},
        "papers": [{"name": "Tờ khai", "original": True, "copies": 1}],
        "channels": ["direct", "online", "postal"],
        "return_channels": ["direct", "postal"],
        "must_collect": False,
        "online_level": "full",
        "version": "2026-11",
    },
    "calendar.set": {
        "days": {"2026-01-02": "off", "2026-01-10": "work"},
        "cutoff": "15:00",
        "hours": [["07:30", "11:30"], ["13:30", "17:00"]],
    },
    "numbers.leased": {
        "journal": "0" * 32,
        "prefix": "H26.107",
        "from": 1,
        "to": 999,
        "width": 4,
        "first_day": "2026-11-21",
        "last_day": "2026-12-20",
        "volume": 1,
        "book_next": 1,
        "fields": None,
    },
    "notice.published": {"title": "x", "text": "y", "until": "2026-12-31", "lobby": True},
}


@pytest.mark.parametrize("kind", INTERFACE_PAGE)
def test_the_desk_events_of_the_interface_page_are_read(kind: str) -> None:
    said = INTERFACE_PAGE[kind]
    again = msgspec.json.decode(msgspec.json.encode(decode_body(kind, msgspec.json.encode(said))))
    assert {name: again[name] for name in said} == said


def test_late_is_a_matter_of_dates() -> None:
    dossier = assigned()
    assert not is_late(dossier, ms("2026-11-23T20:00:00+07:00"))
    assert is_late(dossier, ms("2026-11-24T07:00:00+07:00"))
    done = tell(
        dossier, "dossier.resolved", when="2026-11-23T20:00:00+07:00", result={"kind": "paper"}
    )
    assert not is_late(done, ms("2026-12-24T07:00:00+07:00"))


def test_an_extended_dossier_offers_no_second_extension() -> None:
    dossier = tell(assigned(), "dossier.extended", due_at="2026-12-01T17:00:00+07:00", reason="x")
    assert "dossier.extend" not in next_commands(dossier)
    assert "dossier.extend" in next_commands(assigned())


def test_every_kind_begins_with_what_it_tells_of() -> None:
    assert all("." in kind for kind in BODIES)


@pytest.mark.parametrize("state", ["forwarded", "supplement_requested", "resolved", "in_post"])
@pytest.mark.parametrize("holder", ["office", "province"])
def test_money_and_corrections_agree_whichever_end_was_heard_first(state: str, holder: str) -> None:
    fee = {"name": "Lệ phí", "amount_vnd": 8_000, "by": "cash"}
    own: list[tuple[str, dict[str, Any]]] = [
        ("dossier.paid", fee),
        ("dossier.corrected", {"set": {"note": "Đã gọi"}, "reason": "x"}),
    ]
    word = {"dossier": "x", "state": state, "holder": "office"}
    said: list[tuple[str, dict[str, Any]]] = [("dossier.progressed", word)]
    dossiers = []
    for story in (own + said, said + own):
        dossier = assigned(holder=holder)
        for kind, body in story:
            dossier = tell(dossier, kind, **body)
        dossiers.append(dossier)
    assert dossiers[0] == dossiers[1]
    assert dossiers[0].fees_paid_vnd == 8_000
