"""Reports of money and of persons: every format, and numbers of persons only when asked for."""

import csv
import io
import json
from typing import Any

from openpyxl import load_workbook

from tests.agent.cli.terminal import Terminal
from tests.agent.web.office import CHECK_IN, RECEIVE, Office
from tests.agent.world import as_json

DAYS = ("--from", "2026-11-19", "--to", "2026-11-20")
PAY = {"type": "dossier.pay", "dossier": "2026/1/1", "name": "Lệ phí"}
NUMBER = "001085000001"


async def take_money(office: Office) -> None:
    submit = office.parts.service.submit_line
    await submit(as_json(RECEIVE), "lan.nt")
    await submit(as_json(PAY | {"amount_vnd": 8_000, "by": "cash"}), "lan.nt")
    await submit(as_json(PAY | {"amount_vnd": 2_000, "by": "cash"}), "lan.nt")
    await submit(as_json(PAY | {"amount_vnd": 5_000, "by": "online"}), "hoa.tt")


async def looks(office: Office) -> list[dict[str, Any]]:
    rows = await office.journal.read(
        lambda c: c.execute("SELECT body FROM event WHERE journal = 1 ORDER BY seq").fetchall()
    )
    events = [json.loads(body) for (body,) in rows]
    return [event for event in events if event["kind"] == "person.looked_up"]


async def test_the_cash_sheet_comes_as_json_and_csv(office: Office, at_office: Terminal) -> None:
    await take_money(office)
    told = (await at_office.run("report", "fees", *DAYS, "--format", "json")).json
    assert told["rows"] == [
        {"day": "2026-11-20", "clerk": "hoa.tt", "by": "online", "count": 1, "amount_vnd": 5_000},
        {"day": "2026-11-20", "clerk": "lan.nt", "by": "cash", "count": 2, "amount_vnd": 10_000},
    ]
    assert told["totals"] == {
        "day": None, "clerk": None, "by": None, "count": 3, "amount_vnd": 15_000,
    }  # fmt: skip
    as_csv = (await at_office.run("report", "fees", *DAYS, "--format", "csv")).out
    rows = list(csv.DictReader(io.StringIO(as_csv.removeprefix("\ufeff"))))
    assert [(row["clerk"], row["by"], row["amount_vnd"]) for row in rows] == [
        ("hoa.tt", "online", "5000"), ("lan.nt", "cash", "10000"),
    ]  # fmt: skip


async def test_the_cash_sheet_is_for_people_too(office: Office, at_office: Terminal) -> None:
    await take_money(office)
    for lang, words in (
        ("vi", ("Cán bộ thu", "Số tiền (đồng)", "tiền mặt", "trực tuyến", "Tổng cộng", "15000")),
        ("en", ("Clerk", "Amount (VND)", "cash", "online", "Total", "15000")),
    ):
        table = (await at_office.run("report", "fees", *DAYS, COMMUNE_LANG=lang)).out
        for word in words:
            assert word in table
    process = await at_office.start("report", "fees", *DAYS, "--format", "xlsx", COMMUNE_LANG="en")
    content, _ = await process.communicate()
    assert process.returncode == 0
    headings, *rows = load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True)
    assert headings == ("Ngày", "Cán bộ thu", "Hình thức nộp", "Số lượt", "Số tiền (đồng)")
    assert [row[1:] for row in rows] == [
        ("hoa.tt", "trực tuyến", 1, 5_000),
        ("lan.nt", "tiền mặt", 2, 10_000),
        ("Tổng cộng", None, 3, 15_000),
    ]


async def test_visits_bear_numbers_only_when_asked_and_then_it_is_recorded(
    office: Office, at_office: Terminal
) -> None:
    await office.parts.service.submit_line(as_json(CHECK_IN), "lan.nt")
    nameless = {"type": "visit.check_in", "method": "declared_by_staff"}
    await office.parts.service.submit_line(
        as_json(nameless | {"visitor": {"full_name": "Trần Thị Hoa"}}), "lan.nt"
    )
    out = {"type": "visit.check_out", "visitor": {"id_number": "001085000002"}}
    await office.parts.service.submit_line(as_json(out), "lan.nt")
    without = await at_office.run("report", "visits", *DAYS, "--format", "json")
    assert NUMBER not in without.out
    assert all("id_number" not in visit for visit in without.json)
    assert await looks(office) == []
    named = (await at_office.run("report", "visits", *DAYS, "--format", "json", "--with-id")).json
    assert [visit["id_number"] for visit in named] == ["001085000002", None, NUMBER]
    (look,) = await looks(office)
    assert look["actor"] == "device:socket"
    assert look["body"] == {"fields": "id_number", "found": 2, "day": "2026-11-20"}
    assert NUMBER not in json.dumps(look)


async def test_a_report_without_persons_says_so_and_is_no_look_up(
    office: Office, at_office: Terminal
) -> None:
    await take_money(office)
    for words in (("dossiers",), ("fees",), ("visits", "--format", "csv")):
        done = await at_office.run("report", *words, *DAYS, "--with-id", COMMUNE_LANG="en")
        assert done.code == 0
        assert "lists no persons" in done.err
    assert await looks(office) == []


async def test_numbers_do_not_leave_through_a_browser(office: Office) -> None:
    await office.parts.service.submit_line(as_json(CHECK_IN), "lan.nt")
    async with office.signed_in() as client:
        answer = await client.get("/api/visits?on=2026-11-20&with_id=1")
    assert (answer.status_code, answer.json()["code"]) == (403, "role-forbidden")
    assert await looks(office) == []
