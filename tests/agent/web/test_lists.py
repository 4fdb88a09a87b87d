"""Lists page, search and refuse what they do not know; the books of numbers find their dossier."""

from datetime import date
from typing import Any

import pytest

from agent.views import counts
from records import synthetic
from tests.agent.web.office import CHECK_IN, RECEIVE, Office
from tests.agent.world import as_json


async def fill(office: Office, count: int) -> None:
    names = ["Trần Thị Hoa", "Lê Văn Đức", "Phạm Minh Anh"]
    lines = [
        as_json(RECEIVE | {"applicant": {"full_name": f"{names[n % 3]} {n}"}}) for n in range(count)
    ]
    await office.parts.service.submit_many([(line, "lan.nt") for line in lines])


async def items(office: Office, address: str) -> dict[str, Any]:
    async with office.through_socket() as client:
        answer = await client.get(address)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def test_pages_follow_each_other_without_gap_or_double(office: Office) -> None:
    await fill(office, 25)
    found, address = [], "/api/dossiers?limit=10"
    sizes = []
    after: str | None = ""
    while after is not None:
        page = await items(office, address + (f"&after={after}" if after else ""))
        sizes.append(len(page["items"]))
        found += [item["book"] for item in page["items"]]
        after = page["next"]
    assert sizes == [10, 10, 5]
    assert found == [f"1/{number}" for number in range(25, 0, -1)]


async def test_readings_come_page_by_page_and_then_those_since(office: Office) -> None:
    readings = office.parts.readings
    for number in range(60):
        device = "door" if number % 2 else "post"
        readings.scanned(f"mã {number}", device=device, counter=0, at_ms=number)
    first = await items(office, "/api/readings")
    assert [one["id"] for one in first["items"]] == [str(n) for n in range(60, 10, -1)]
    readings.scanned("mới", device="door", counter=0, at_ms=61)
    rest = await items(office, f"/api/readings?after={first['next']}")
    assert [one["id"] for one in rest["items"]] == [str(n) for n in range(10, 0, -1)]
    assert rest["next"] is None
    since = await items(office, "/api/readings?after=60")
    assert ([one["id"] for one in since["items"]], since["next"]) == (["61"], None)
    found, after = [], "55"
    while after:
        page = await items(office, f"/api/readings?after={after}&limit=1&device=door")
        found += [one["id"] for one in page["items"]]
        after = page["next"]
    assert found == ["61", "60", "58", "56"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("q=tran thi hoa", 3),
        ("q=duc", 3),
        ("q=ĐỨC", 3),
        ("q=hoa 3", 1),
        ("q=2026/1/5", 1),
        ("q=H26.107-261120-0002", 1),
        ("q=khong co ai", 0),
        ("state=received", 9),
        ("state=returned,resolved", 0),
        ("channel=direct", 9),
        ("channel=postal", 0),
        ("due=today", 9),
        ("due=2026-11-20", 9),
        ("due=2026-11-21", 0),
        ("due=overdue", 0),
    ],
)
async def test_a_question_finds_what_it_asks_for(office: Office, query: str, count: int) -> None:
    await fill(office, 9)
    assert len((await items(office, f"/api/dossiers?{query}"))["items"]) == count


async def test_a_dossier_is_found_by_every_name_it_has(office: Office) -> None:
    await fill(office, 2)
    by_code = await items(office, "/api/dossiers/H26.107-261120-0002")
    for ref in (by_code["id"], "2026/1/2", "2026%2F1%2F2"):
        assert (await items(office, f"/api/dossiers/{ref}"))["id"] == by_code["id"]
    assert by_code["next"] != []
    assert [event["kind"] for event in by_code["events"]] == ["dossier.received"]


async def test_wrong_questions_are_told_all_at_once(office: Office) -> None:
    query = "state=open&due=soon&channel=fax&limit=501&after=x&colour=red"
    async with office.through_socket() as client:
        answer = await client.get(f"/api/dossiers?{query}")
    assert answer.status_code == 422
    paths = {error["path"] for error in answer.json()["errors"]}
    assert paths == {"state", "due", "channel", "limit", "after", "colour"}


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("/api/dossiers/H26.107-261120-9999", "dossier-unknown"),
        ("/api/dossiers/%00", "dossier-unknown"),
        ("/api/visits?on=yesterday", "field-invalid"),
        ("/api/visits?on=2026-11-20&on=2026-11-21", "field-invalid"),
        ("/api/readings?after=-1", "field-invalid"),
        ("/api/readings?after=1-", "field-invalid"),
        ("/api/readings?after=1-2-3", "field-invalid"),
        ("/api/readings?after=99999999999999999999", "field-invalid"),
        ("/api/statistics/dossiers?from=2026-11-20", "field-missing"),
        ("/api/statistics/dossiers?from=2026-11-20&to=2026-11-01", "field-invalid"),
        ("/api/devices?x=1", "field-unknown"),
        ("/api/nothing", "not-found"),
    ],
)
async def test_a_wrong_address_says_what_is_wrong(office: Office, address: str, code: str) -> None:
    async with office.through_socket() as client:
        answer = await client.get(address)
    assert answer.json()["code"] == code
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_statistics_add_up(office: Office) -> None:
    lines = synthetic.commands(5, today=date(2026, 11, 20))
    made = [as_json(next(lines)) for _ in range(120)]
    await office.parts.service.submit_many([(line, "lan.nt") for line in made])
    report = await items(office, "/api/statistics/dossiers?from=2026-11-01&to=2026-11-30")
    totals = report["totals"]
    ends = [
        "resolved_early", "resolved_on_time", "resolved_late", "refused", "withdrawn", "stopped",
        "pending_in_time", "pending_late", "waiting_for_papers",
    ]  # fmt: skip
    assert totals["received"] > 0
    assert totals["carried_in"] + totals["received"] == sum(totals[name] for name in ends)
    assert sum(row["received"] for row in report["rows"]) == totals["received"]


async def test_visits_are_listed_by_day(office: Office) -> None:
    async with office.through_socket() as client:
        await client.post("/api/commands", json=CHECK_IN)
    (visit,) = (await items(office, "/api/visits?on=2026-11-20"))["items"]
    assert (visit["name"], visit["temperature_c"], visit["out_at"]) == ("Lê Văn An", 36.6, None)
    assert (await items(office, "/api/visits?on=2026-11-19"))["items"] == []


async def test_status_names_everything_and_leaves_nothing_out(office: Office) -> None:
    status = await items(office, "/api/status")
    for name in (
        "line", "ready", "head", "delivered", "backlog", "today", "orders", "office", "exchange",
        "clock", "disk", "numbers", "backup_age_s", "devices", "days_digest",
    ):  # fmt: skip
        assert name in status
    assert "days" not in status


async def test_metrics_are_openmetrics(office: Office) -> None:
    await fill(office, 3)
    async with office.through_socket() as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    lines = answer.text.splitlines()
    assert lines[-1] == "# EOF"
    assert "commune_backlog_events 3" in lines
    assert 'commune_line_state{state="offline"} 1' in lines
    assert "Hoa" not in answer.text


async def test_the_schema_names_every_command_and_every_event(office: Office) -> None:
    schema = await items(office, "/schema/openapi.json")
    text = str(schema)
    assert schema["openapi"].startswith("3.1")
    assert "dossier.receive" in text
    assert "visit.check_out" in text
    assert {"dossier.received", "policy.set"} <= set(schema["x-event-bodies"])
    for found in schema["paths"].values():
        for operation in found.values():
            assert operation["responses"]["default"]


async def test_days_at_the_ends_of_the_calendar_are_no_question(office: Office) -> None:
    async with office.signed_in() as client:
        for query in (
            "/api/dossiers?due=9999-12-31",
            "/api/dossiers?due=0001-01-01",
            "/api/visits?on=9999-12-31",
            "/api/statistics/dossiers?from=0001-01-01&to=2026-11-21",
            "/api/statistics/dossiers?from=2026-11-21&to=9999-12-31",
        ):
            answer = await client.get(query)
            assert (answer.status_code, answer.json()["code"]) == (422, "field-invalid"), query


async def test_due_and_overdue_are_matters_of_dates(office: Office) -> None:
    await fill(office, 2)  # due at 17:00 today
    due = {"today": 2, "overdue": 0}
    for hours in (0, 12):  # 08:31, and 20:31 after closing
        office.clock.advance(hours * 3_600_000)
        for word, count in due.items():
            assert len((await items(office, f"/api/dossiers?due={word}"))["items"]) == count
        counted = await office.journal.read(lambda c: counts.today(c, office.clock.now_ms()))
        assert (counted.due, counted.overdue) == (2, 0)
        assert not any(item["late"] for item in (await items(office, "/api/dossiers"))["items"])
    office.clock.advance(12 * 3_600_000)  # the day after
    assert (await items(office, "/api/dossiers?due=today"))["items"] == []
    late = (await items(office, "/api/dossiers?due=overdue"))["items"]
    assert [item["late"] for item in late] == [True, True]
    counted = await office.journal.read(lambda c: counts.today(c, office.clock.now_ms()))
    assert (counted.due, counted.overdue) == (0, 2)
