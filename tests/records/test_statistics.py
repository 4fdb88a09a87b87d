"""The dossier report: every dossier counts once on each side of the sum."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec
import pytest

from records.events import decode_body
from records.moment import to_ms
from records.statistics import (
    COLUMNS,
    GROUPS,
    Completeness,
    Declined,
    Group,
    History,
    Statistics,
    StatisticsRow,
    Told,
    history,
    months,
    statistics,
)
from tests.records.office import APPLICANT, Office

as_json = msgspec.json.encode
ALL_HERE = Completeness(offices=1, heard=1)
FIELDS = {"1.001193": "Hộ tịch", "1.000001": "Đất đai", "2.000815": "Chứng thực"}
RESOLVE: dict[str, Any] = {"result": {"kind": "paper"}}


def ms(text: str) -> int:
    return to_ms(datetime.fromisoformat(f"{text}:00+07:00"))


def histories(office: Office, name: str = "H26.107") -> list[History]:
    told: dict[int, list[Told]] = {}
    for written in office.journal:
        assert isinstance(written.subject, int)
        if written.kind != "dossier.declined":
            event = Told(written.kind, decode_body(written.kind, written.body), written.at_ms)
            told.setdefault(written.subject, []).append(event)
    return [history(name, events) for events in told.values()]


def declined(office: Office) -> list[Declined]:
    return [
        Declined("H26.107", msgspec.json.decode(written.body)["procedure_code"], written.at_ms)
        for written in office.journal
        if written.kind == "dossier.declined"
    ]


def report(
    office: Office, first: str, last: str, *, group: Sequence[Group] = (), now: str = ""
) -> Statistics:
    return statistics(
        histories(office),
        declined(office),
        first_day=date.fromisoformat(first),
        last_day=date.fromisoformat(last),
        now_ms=ms(now) if now else office.now_ms,
        field_of=FIELDS.get,
        completeness=ALL_HERE,
        group=group,
    )


def figures(row: StatisticsRow) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(row).items() if value}


def balanced(row: StatisticsRow) -> bool:
    ended = row.resolved_early + row.resolved_on_time + row.resolved_late
    ended += row.refused + row.withdrawn + row.stopped
    left = row.pending_in_time + row.pending_late + row.waiting_for_papers
    return row.carried_in + row.received == ended + left


def do(office: Office, command: str, number: int = 1, **members: Any) -> None:
    office.submit(command, dossier=f"2026/1/{number}", **members)


def mark(office: Office, subject: int, state: str) -> None:
    """The post says what became of an item."""
    told = {"item": "RR123456785VN", "state": state}
    office.append("postal.marked", subject, decode_body("postal.marked", as_json(told)))


def progress(office: Office, state: str, subject: int = 1) -> None:
    """The province says how far a dossier is."""
    told = {"dossier": "x", "state": state}
    office.append("dossier.progressed", subject, decode_body("dossier.progressed", as_json(told)))


def with_the_province(procedure_code: str) -> Office:
    """An office whose one dossier the province holds."""
    office = Office()
    office.receive(procedure_code)
    do(office, "dossier.forward", to="Sở Tư pháp", holder="province")
    return office


def test_the_columns_are_those_of_the_interface_page() -> None:
    counted = [
        *("carried_in", "received", "supplement_rounds"),
        *("resolved_early", "resolved_on_time", "resolved_late"),
        *("refused", "withdrawn", "stopped"),
        *("pending_in_time", "pending_late", "waiting_for_papers", "declined"),
        *("returned_direct", "returned_online", "returned_postal", "fees_vnd", "overrides"),
    ]
    assert list(COLUMNS) == ["office", "field", "procedure_code", "channel", *counted]


@pytest.mark.parametrize(
    ("resolved", "figure"),
    [
        ("2026-11-27T09:00", "resolved_early"),
        ("2026-11-30T20:00", "resolved_on_time"),
        ("2026-12-01T07:00", "resolved_late"),
    ],
)
def test_early_on_time_and_late_are_matters_of_dates(resolved: str, figure: str) -> None:
    office = Office()
    office.receive()
    office.now_ms = ms(resolved)
    do(office, "dossier.resolve", **RESOLVE)
    totals = report(office, "2026-11-01", "2026-12-31").totals
    assert figures(totals) == {"received": 1, figure: 1}


def test_what_was_open_is_carried_into_the_next_period() -> None:
    office = Office()
    office.receive()
    office.now_ms = ms("2026-12-02T09:00")
    do(office, "dossier.refuse", reason="Không đủ điều kiện")
    november = report(office, "2026-11-01", "2026-11-30").totals
    december = report(office, "2026-12-01", "2026-12-31").totals
    assert figures(november) == {"received": 1, "pending_in_time": 1}
    assert figures(december) == {"carried_in": 1, "refused": 1}
    assert report(office, "2027-01-01", "2027-01-31", now="2027-02-01T00:00").rows == ()


def test_what_waits_is_in_time_or_late_or_with_the_applicant() -> None:
    office = Office()
    for _ in range(3):
        office.receive()
    do(office, "dossier.request_supplement", 2, papers=["Giấy chứng sinh"], reason="Thiếu")
    do(office, "dossier.extend", 3, due_at="2026-12-30T17:00:00+07:00", reason="Xác minh")
    totals = report(office, "2026-11-01", "2026-12-31", now="2026-12-05T09:00").totals
    assert figures(totals) == {
        "received": 3,
        "supplement_rounds": 1,
        "pending_late": 1,
        "pending_in_time": 1,
        "waiting_for_papers": 1,
    }


def test_declined_money_returns_and_overrides_are_counted_apart() -> None:
    office = Office()
    office.submit("dossier.decline", procedure_code="1.001193", reason="Thiếu", form="02")
    override = {"reason": "Người cao tuổi", "supervisor": "hoa.tt"}
    for by in ("direct", "online", "postal", "official_mail"):
        office.receive("1.001193", override=override)
        number = len(office.dossiers)
        do(office, "dossier.pay", number, name="Lệ phí", amount_vnd=8_000, by="cash")
        do(office, "dossier.resolve", number, **RESOLVE)
        do(office, "dossier.return", number, by=by)
        if by in {"postal", "official_mail"}:
            mark(office, list(office.dossiers)[-1], "delivered")
    assert figures(report(office, "2026-11-20", "2026-11-20").totals) == {
        "received": 4,
        "resolved_on_time": 4,
        "declined": 1,
        "returned_direct": 1,
        "returned_online": 1,
        "returned_postal": 2,
        "fees_vnd": 32_000,
        "overrides": 4,
    }


def test_what_is_in_the_post_is_given_back_when_it_is_delivered_and_once() -> None:
    office = Office()
    office.receive("1.001193")
    do(office, "dossier.resolve", **RESOLVE)

    def given_back() -> tuple[int, int, int]:
        first = report(office, "2026-11-20", "2026-11-22").totals.returned_postal
        then = report(office, "2026-11-23", "2026-11-30").totals.returned_postal
        return first, then, report(office, "2026-11-20", "2026-11-30").totals.returned_postal

    do(office, "dossier.return", by="postal")
    assert given_back() == (0, 0, 0), "it is on its way"
    mark(office, 1, "came_back")
    do(office, "dossier.return", by="postal")
    assert given_back() == (0, 0, 0), "it came back and was sent again"
    office.wait(days=5)
    mark(office, 1, "delivered")
    assert office.only().returned_at_ms is not None
    assert given_back() == (0, 1, 1)


def test_what_the_province_asks_for_and_gives_back_counts_too() -> None:
    office = with_the_province("1.000001")
    progress(office, "supplement_requested")
    progress(office, "forwarded")
    progress(office, "returned")
    assert figures(report(office, "2026-11-20", "2026-11-20").totals) == {
        "received": 1,
        "supplement_rounds": 1,
        "resolved_on_time": 1,
        "returned_direct": 1,
    }


@pytest.mark.parametrize("state", ["returned", "in_post"])
@pytest.mark.parametrize(
    ("day", "figure"),
    [
        ("2026-11-27", "resolved_early"),
        ("2026-11-30", "resolved_on_time"),
        ("2026-12-01", "resolved_late"),
    ],
)
def test_given_back_by_the_province_is_resolved_by_its_due_date(
    state: str, day: str, figure: str
) -> None:
    office = with_the_province("1.000001")
    office.now_ms = ms(f"{day}T09:00")
    progress(office, state)
    office.now_ms = ms("2026-12-20T09:00")
    do(office, "dossier.pay", name="Lệ phí", amount_vnd=1_000, by="cash")
    totals = report(office, "2026-11-01", "2026-12-31").totals
    assert getattr(totals, figure) == 1
    assert balanced(totals)


def test_a_dossier_set_back_to_work_comes_in_anew_and_the_months_join() -> None:
    office = with_the_province("1.000001")
    progress(office, "resolved")
    before = report(office, "2026-11-01", "2026-11-30", now="2026-12-01T00:00").totals
    office.now_ms = ms("2026-12-10T09:00")
    progress(office, "forwarded")
    office.now_ms = ms("2027-01-05T09:00")
    progress(office, "refused")
    rows = report(office, "2026-11-01", "2027-01-31", group=("month",)).rows
    assert [figures(row) for row in rows] == [
        {"month": "2026-11", "received": 1, "resolved_early": 1},
        {"month": "2026-12", "received": 1, "pending_late": 1},
        {"month": "2027-01", "carried_in": 1, "refused": 1},
    ]
    assert report(office, "2026-11-01", "2026-11-30").totals == before, "what was told stays so"


def test_an_outcome_that_the_province_changes_later_counts_as_it_was_first() -> None:
    office = with_the_province("1.000001")
    progress(office, "resolved")
    office.now_ms = ms("2026-12-10T09:00")
    progress(office, "refused")
    assert office.only().outcome == "refused"
    totals = report(office, "2026-11-01", "2026-12-31").totals
    assert figures(totals) == {"received": 1, "resolved_early": 1}


def test_somebody_declined_on_another_day_is_not_counted() -> None:
    office = Office()
    office.submit("dossier.decline", procedure_code="1.001193", reason="Thiếu", form="02")
    assert report(office, "2026-11-01", "2026-11-19").totals.declined == 0


def test_rows_are_kept_apart_as_asked_and_named() -> None:
    office = Office()
    for code in ("1.001193", "1.000001", "1.001193"):
        office.receive(code)
    office.submit("dossier.decline", procedure_code="2.000815", reason="Thiếu", form="03")
    rows = report(office, "2026-11-20", "2026-11-20", group=("field",)).rows
    assert [(row.field, row.received, row.declined) for row in rows] == [
        ("Chứng thực", 0, 1),
        ("Hộ tịch", 2, 0),
        ("Đất đai", 1, 0),
    ]
    assert {row.office for row in rows} == {None}
    whole = report(office, "2026-11-20", "2026-11-20", group=GROUPS).rows
    assert [(row.office, row.procedure_code, row.channel) for row in whole] == [
        ("H26.107", "2.000815", "direct"),
        ("H26.107", "1.001193", "direct"),
        ("H26.107", "1.000001", "direct"),
    ]


def test_by_month_each_month_carries_into_the_next() -> None:
    office = Office()
    office.receive()
    office.now_ms = ms("2027-01-15T09:00")
    do(office, "dossier.withdraw", reason="Rút")
    found = report(office, "2026-11-10", "2027-01-31", group=("month",))
    assert [(row.month, figures(row)) for row in found.rows] == [
        ("2026-11", {"month": "2026-11", "received": 1, "pending_in_time": 1}),
        ("2026-12", {"month": "2026-12", "carried_in": 1, "pending_late": 1}),
        ("2027-01", {"month": "2027-01", "carried_in": 1, "withdrawn": 1}),
    ]
    assert figures(found.totals) == {"received": 1, "withdrawn": 1}


def test_months_are_cut_at_their_ends() -> None:
    assert months(date(2026, 11, 10), date(2027, 1, 2)) == (
        (date(2026, 11, 10), date(2026, 11, 30)),
        (date(2026, 12, 1), date(2026, 12, 31)),
        (date(2027, 1, 1), date(2027, 1, 2)),
    )


def test_the_document_bears_the_names_of_the_interface_page() -> None:
    document = msgspec.to_builtins(report(Office(), "2026-11-01", "2026-11-30"))
    assert document.keys() == {"from", "to", "generated_at", "completeness", "rows", "totals"}
    assert document["completeness"] == {"offices": 1, "in": 1, "silent": ()}


def test_an_event_that_clashed_is_not_counted() -> None:
    office = Office()
    office.receive()
    do(office, "dossier.withdraw", reason="Rút")
    body = decode_body("dossier.returned", b'{"by":"direct"}')
    office.append("dossier.returned", 1, body)
    office.append("dossier.returned", 1, body)
    assert report(office, "2026-11-20", "2026-11-20").totals.returned_direct == 1


def test_a_dossier_the_province_gave_back_without_a_result_counts_as_resolved() -> None:
    assigned = {
        "procedure_code": "1.001193",
        "channel": "online",
        "return_channel": "online",
        "applicant": APPLICANT,
        "holder": "province",
    }
    office = Office()
    for kind, subject, body in (
        ("dossier.assigned", None, assigned),
        ("dossier.progressed", 1, {"dossier": "x", "state": "returned"}),
    ):
        office.append(kind, subject, decode_body(kind, msgspec.json.encode(body)))
    totals = report(office, "2026-11-20", "2026-11-20").totals
    assert (totals.received, totals.resolved_on_time) == (1, 1)


def test_a_history_needs_an_event() -> None:
    with pytest.raises(ValueError, match="event"):
        history("H26.107", [])
