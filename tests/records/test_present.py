"""What readers see: the shapes of the interface page, personal data masked."""

import csv
import io
from typing import Any

import msgspec
import pytest

from records import present, sync_report
from records.csv_text import write_csv
from records.present import DeliveryMark, EventItem, ProblemItem
from records.values import Applicant
from tests.records.office import APPLICANT, Office
from wire.texts import Text

WHOLE = APPLICANT | {
    "date_of_birth": "1984-03-05",
    "gender": "female",
    "phone": "0912345678",
    "email": "ha.ntn@example.vn",
    "address": "Thôn 1, xã Ứng Hòa",
}
SECRETS = ("001184000017", "0912345678", "ha.ntn", "Thôn 1", "03-05")
DOSSIER = [
    "id",
    "code",
    "book",
    "book_year",
    "procedure",
    "channel",
    "return_channel",
    "state",
    "holder",
    "received_at",
    "due_at",
    "resolved_at",
    "returned_at",
    "late",
    "urgent",
    "applicant",
    "fees",
    "documents",
    "delivery",
    "delivered_at",
    "complete",
    "conflicts",
    "problems",
    "next",
]


def office() -> Office:
    office = Office()
    paper = {"name": "Tờ khai", "copies": 1, "original": True}
    office.receive("1.001193", applicant=WHOLE, documents=[paper])
    return office


def item(office: Office, **options: Any) -> present.DossierItem:
    dossier = office.only()
    return present.dossier_item(
        "id-1",
        dossier,
        procedure=office.procedure(dossier.procedure_code),
        mark=options.pop("mark", DeliveryMark()),
        now_ms=office.now_ms,
        arrived=options.pop("arrived", lambda _id: False),
        **options,
    )


def test_a_dossier_has_the_members_of_the_interface_page() -> None:
    shown = msgspec.to_builtins(item(office()))
    assert list(shown) == DOSSIER
    assert (shown["code"], shown["book"], shown["book_year"]) == (
        "H26.107-261120-0001",
        "1/1",
        2026,
    )
    assert shown["procedure"] == {
        "code": "1.001193",
        "name": "Thủ tục đăng ký khai sinh",
        "field": "Hộ tịch",
        "version": "2026-11",
    }
    assert shown["received_at"] == "2026-11-20T10:00:00+07:00"
    assert shown["due_at"] == "2026-11-20T17:00:00+07:00"
    assert shown["resolved_at"] is None
    assert shown["fees"] == {"due_vnd": 0, "paid_vnd": 0}
    assert shown["documents"][0]["name"] == "Tờ khai"
    assert (shown["delivery"], shown["delivered_at"]) == ("waiting", None)
    assert "dossier.resolve" in shown["next"]


def test_personal_data_is_masked_until_revealed() -> None:
    hidden = msgspec.json.encode(item(office())).decode()
    assert not [secret for secret in SECRETS if secret in hidden]
    assert "Nguyễn Thị Ngọc Hà" in hidden
    assert "001•••••017" in hidden
    plain = msgspec.json.encode(item(office(), reveal=True)).decode()
    assert [secret for secret in SECRETS if secret in plain] == list(SECRETS)


def test_an_applicant_who_said_nothing_has_nothing_to_mask() -> None:
    nobody = Applicant(full_name="Lê Văn An")
    shown = present.applicant_item(nobody)
    assert shown == present.applicant_item(nobody, reveal=True)
    assert shown.id_number is shown.email is shown.address is None


def test_a_delivered_dossier_says_since_when() -> None:
    mark = DeliveryMark("delivered", 1_700_000_000_000, problems=2)
    shown = item(office(), mark=mark)
    assert (shown.delivered_at, shown.problems) == ("2023-11-15T05:13:20+07:00", 2)


def test_a_procedure_nobody_knows_any_more_is_shown_by_its_code() -> None:
    there = office()
    there.procedures.clear()
    assert (item(there).procedure.name, item(there).procedure.code) == (None, "1.001193")


def test_a_single_dossier_carries_its_events_masked() -> None:
    there = office()
    there.submit(
        "dossier.correct", dossier="1/1", set={"applicant.phone": "0912345601"}, reason="Sai"
    )
    events = [
        EventItem(
            id=str(written.seq),
            kind=written.kind,
            at="2026-11-20T10:00:00+07:00",
            actor="lan.nt",
            body=present.masked_body(written.body),
            delivery="waiting",
        )
        for written in there.journal
    ]
    detail = present.dossier_detail(item(there), events, there.only().kept)
    text = msgspec.json.encode(detail).decode()
    assert list(msgspec.json.decode(text)) == [*DOSSIER, "events", "open_conflicts"]
    assert not [secret for secret in (*SECRETS, "0912345601") if secret in text]
    assert '"reason":"Sai"' in text


def test_a_visit_has_the_members_of_the_interface_page() -> None:
    there = Office()
    there.submit(
        "visit.check_in",
        visitor={"full_name": "Lê Văn An", "id_number": "001085000001"},
        method="id_card_qr",
        temperature_c=36.6,
    )
    shown = present.visit_item("id-1", there.visits[1], delivery="waiting")
    assert msgspec.to_builtins(shown) == {
        "id": "id-1",
        "person": "visitor",
        "name": "Lê Văn An",
        "room": "main",
        "in_at": "2026-11-20T10:00:00+07:00",
        "out_at": None,
        "by": None,
        "temperature_c": 36.6,
        "suspected": False,
        "method": "id_card_qr",
        "delivery": "waiting",
    }


def test_a_problem_speaks_both_languages() -> None:
    text = Text("Mất đường truyền", "The line is down")
    problem = ProblemItem(
        id="1", code="line-down", severity="info", title=text, action=text, subject=None, since="x"
    )
    assert msgspec.to_builtins(problem)["title"] == {
        "vi": "Mất đường truyền",
        "en": "The line is down",
    }


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("001184000017", "001•••••017"),
        ("0912345678", "091•••••678"),
        ("B123", "•••••"),
        (None, None),
    ],
)
def test_a_number_is_masked(number: str | None, masked: str | None) -> None:
    assert present.masked(number) == masked


def sync() -> sync_report.OfficeReport:
    return sync_report.OfficeReport(
        office="H26.107",
        office_id="0" * 32,
        name="Xã Ứng Hòa",
        province="H26",
        device="abcdefghij",
        journal="0" * 32,
        agent="1.0.0",
        generated_at="2026-11-21T08:31:05+07:00",
        head_seq=1234,
        delivered_seq=1200,
        backlog=sync_report.Backlog(events=34, bytes=17680, oldest_age_s=5400),
        blobs=sync_report.BlobBacklog(),
        exchange=sync_report.ExchangeReport(),
        clock=sync_report.ClockReport(state="trusted", offset_ms=-120),
        disk=sync_report.DiskReport(),
        numbers=sync_report.NumbersReport(),
        policies=("18/CT-UBND",),
        received_at="2026-11-21T08:31:06+07:00",
        state="fresh",
        reason=Text("Mới nghe", "Heard just now"),
    )


def test_a_sync_report_leaves_nothing_out_but_days() -> None:
    shown = msgspec.to_builtins(sync())
    assert "days" not in shown
    assert shown["exchange"]["last_ok_at"] is None
    assert shown["numbers"] == {"leased_until": None, "left_today": None, "book_next": None}
    whole = msgspec.structs.replace(sync(), days=())
    assert list(msgspec.to_builtins(whole))[-6:] == [
        "days",
        "days_digest",
        "received_at",
        "state",
        "reason",
        "documents",
    ]


def test_the_csv_of_sync_reports_has_every_scalar_leaf() -> None:
    data = sync_report.csv_of([sync()])
    (row,) = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    assert tuple(row) == sync_report.columns()
    assert list(row)[:2] == ["v", "office"]
    assert (row["backlog_oldest_age_s"], row["clock_offset_ms"]) == ("5400", "-120")
    assert (row["exchange_last_ok_at"], row["reason_vi"]) == ("", "Mới nghe")
    assert not {"devices", "days", "policies"} & row.keys()


def test_a_leased_day_is_written_as_a_day() -> None:
    leased = msgspec.convert({"leased_until": "2026-12-20"}, sync_report.NumbersReport)
    data = sync_report.csv_of([msgspec.structs.replace(sync(), numbers=leased)])
    assert b",2026-12-20," in data


def test_csv_opens_in_a_spreadsheet_and_runs_nothing() -> None:
    data = write_csv(
        ["tên", "số"],
        [["=1+1", -5], ["@x", None], ['a"b,c', True], ["\tx", 1.5], ["-x", False], ["+x", 0]],
    )
    assert (
        data
        == (
            "\ufefftên,số\r\n'=1+1,-5\r\n'@x,\r\n\"a\"\"b,c\",true\r\n'\tx,1.5\r\n'-x,false\r\n'+x,0\r\n"
        ).encode()
    )
