"""Pages show what is there, run nothing they were not served, and keep themselves up to date."""

import asyncio
import html
import json
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from agent.journal import Transaction
from agent.status import OrderShown, TodayCounts
from agent.web.limits import SESSION_IDLE_S, STREAM_CLIENTS_MAX
from records.leases import LeaseWarning
from records.sync_report import ClockReport, DiskReport, ExchangeReport
from tests.agent.web.office import CHECK_IN, CLERK, RECEIVE, SUPERVISOR, TECHNICIAN, Office
from tests.agent.world import START_MS, as_json, chained, desk_event
from wire.problems import CATALOGUE, Refusal

FOREIGN_TAGS = {"script", "img", "svg", "iframe", "object", "embed", "base", "style"}
CARD = "001184000017||Nguyễn Thị Ngọc Hà|05031984|Nữ|Thôn 1, Ứng Hòa, Hà Nội|01012022"
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7*7 }}{% raw %}",
    "</title><svg onload=alert(1)>",
    "javascript:alert(1)",
    "\u202ecod.exe",
]


def commands(text: str) -> list[dict[str, Any]]:
    applicant = {"full_name": text, "address": text, "organisation": text, "email": "a@b.vn"}
    return [
        RECEIVE | {"applicant": applicant, "note": text, "summary": text},
        CHECK_IN | {"visitor": {"full_name": text, "phone": "0912345678"}, "purpose": text},
    ]


class Parts(HTMLParser):
    """Finds what in a page could run: foreign elements, handlers, inline code, addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.active: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        own_script = tag == "script" and given.get("src", "").startswith("/static/")
        if tag in FOREIGN_TAGS and not own_script:
            self.active.append(tag)
        for name, value in given.items():
            if name.startswith("on") or name == "style":
                self.active.append(name)
            if name in {"href", "src", "action"} and not value.startswith(("/", "#")):
                self.active.append(value)


def active_parts(page: str) -> list[str]:
    parts = Parts()
    parts.feed(page)
    return parts.active


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_shown_and_never_run(office: Office, text: str) -> None:
    accepted = 0
    for command in commands(text):
        (answer,) = await office.parts.service.submit_many([(as_json(command), "lan.nt")])
        accepted += not isinstance(answer, Exception)
    notice = desk_event("notice.published", {"title": text, "text": text})

    def publish(transaction: Transaction) -> None:
        transaction.append_desk(chained(transaction.desk_head, [notice]))

    await office.journal.write(publish)
    order = OrderShown(order=text, title=text, from_="2026-11-20T00:00:00+07:00")
    office.parts.board.update(name=text, orders=(order,))
    async with office.signed_in() as client:
        for address in ("/", "/today"):
            page = (await client.get(address)).text
            assert active_parts(page) == []
            assert html.escape(text, quote=False).split("&")[0] in html.unescape(page)
        form = await client.post(
            "/login", data={"user": text, "pin": text}, headers={"accept": "text/html"}
        )
        assert active_parts(form.text) == []
    assert accepted or text.startswith("\u202e")


async def test_the_page_works_before_its_script_has_loaded(office: Office) -> None:
    for command in (RECEIVE, CHECK_IN):
        await office.parts.service.submit_line(as_json(command), "lan.nt")
    today = TodayCounts(received=1, returned=0, due=1, overdue=1234, inside=1)
    office.parts.board.update(today=today)
    async with office.signed_in() as client:
        page = html.unescape((await client.get("/")).text)
    for words in (
        "Nguyễn Thị Ngọc Hà", "H26.107-261120-0001", "Lê Văn An", "○", "chưa gửi", "1.234",
        "Mất đường truyền", "Tỉnh chưa nhận lần nào", "2 bản ghi đang chờ gửi", "Xã Ứng Hòa",
    ):  # fmt: skip
        assert words in page
    assert "001184000017" not in page
    assert 'lang="vi"' in page


async def test_delivery_marks_change_with_the_receipt(office: Office) -> None:
    await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")
    head = office.journal.head
    await office.journal.write(lambda t: t.set_delivered(head, office.clock.now_ms()))
    exchange = ExchangeReport(last_ok_at="2026-11-20T08:31:05+07:00")
    office.parts.board.update(line="online", exchange=exchange)
    async with office.signed_in() as client:
        page = html.unescape((await client.get("/")).text)
    for words in ("✓", "tỉnh đã nhận 08:31", "Tỉnh đã nhận lúc 08:31", "Không còn gì chờ gửi"):
        assert words in page


async def test_what_the_province_sent_back_is_marked(office: Office) -> None:
    await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")
    body = {
        "journal": office.journal.identity.journal.hex() if office.journal.identity else "",
        "seq": 1, "code": "event-malformed", "detail": "x",
    }  # fmt: skip
    rejected = desk_event("event.rejected", body)

    def receive(transaction: Transaction) -> None:
        transaction.append_desk(chained(transaction.desk_head, [rejected]))

    await office.journal.write(receive)
    async with office.signed_in() as client:
        page = html.unescape((await client.get("/")).text)
        (problem,) = (await client.get("/api/problems")).json()["items"]
    assert "tỉnh trả lại" in page
    assert (problem["code"], problem["severity"]) == ("event-malformed", "act")
    assert set(problem["title"]) == set(problem["action"]) == {"vi", "en"}


def shown_line(page: str) -> str:
    return html.unescape(page).partition('<section id="line"')[2].partition("</section>")[0]


@pytest.mark.parametrize(
    ("told", "tone", "words"),
    [
        (("online", None, False), "good", "Không phải làm gì"),
        (("online", "server-error", False), "wait", CATALOGUE["server-error"].remedy.vi),
        (("online", "gap", False), "wait", CATALOGUE["gap"].title.vi),
        (("online", "gap", True), "bad", "Đã ngừng gửi về tỉnh (gap)"),
        (("online", "fork", True), "bad", "Đã ngừng gửi về tỉnh (fork)"),
        (("online", "quarantined", False), "bad", CATALOGUE["quarantined"].remedy.vi),
        (("captive-portal", "answer-forged", False), "wait", CATALOGUE["answer-forged"].title.vi),
        (("offline", "line-cut", False), "wait", "Mất đường truyền"),
        (("online", "of a later version", False), "good", "Đường truyền tốt"),
    ],
)
async def test_the_line_says_what_is_wrong_and_never_that_all_is_well(
    office: Office, told: tuple[Any, str | None, bool], tone: str, words: str
) -> None:
    line, error, held = told
    office.parts.board.tell_line(line, error, "2026-11-20T08:00:00+07:00", held=held)
    async with office.signed_in() as client:
        part = shown_line((await client.get("/")).text)
        problems = (await client.get("/api/problems")).json()["items"]
        status = (await client.get("/api/status")).json()
    assert f'class="line {tone}"' in part.partition(">")[0]
    assert words in part
    assert ("Không phải làm gì" in part) == (tone == "good")
    acts = [item for item in problems if item["severity"] == "act"]
    assert [item["code"] for item in acts] == ([error] if tone == "bad" else [])
    assert status["problems_open"] == len(acts)
    if held:
        assert "commune-agent sync" in acts[0]["action"]["vi"]
        assert acts[0]["since"] == "2026-11-20T08:00:00+07:00"


async def test_a_journal_that_is_not_written_is_the_first_thing_said(office: Office) -> None:
    office.parts.board.tell_line("online", "fork", "2026-11-20T08:00:00+07:00", held=True)
    office.journal.broken, office.journal.broken_at_ms = Refusal("disk-failed"), START_MS
    async with office.signed_in() as client:
        page = html.unescape((await client.get("/")).text)
        problems = (await client.get("/api/problems")).json()["items"]
    office.journal.broken = None
    part = shown_line(page)
    assert "line bad" in part
    assert "Ổ đĩa báo lỗi, đã ngừng ghi." in part
    assert "Không phải làm gì" not in page
    assert [item["code"] for item in problems] == ["disk-failed", "fork"]
    warnings = page.partition('id="warnings"')[2].partition("</section>")[0]
    assert CATALOGUE["fork"].title.vi in warnings, "what the first line does not say is listed"


async def test_what_needs_a_look_is_listed_on_the_page(office: Office) -> None:
    unknown = desk_event("dossier.progressed", {"dossier": "2026/1/9", "by": "sở", "state": None,
                                                "at": "2026-11-20T08:00:00+07:00"})  # fmt: skip

    def receive(transaction: Transaction) -> None:
        transaction.append_desk(chained(transaction.desk_head, [unknown]))

    await office.journal.write(receive)
    office.parts.noticed.add("reading-door-1", "room-full")
    low = LeaseWarning("lease-ending", 1, 9997)
    office.parts.board.update(problems_open=1, lease_warnings=(low,))
    async with office.signed_in() as client:
        page = html.unescape((await client.get("/")).text)
        problems = (await client.get("/api/problems")).json()["items"]
        status = (await client.get("/api/status")).json()
        for number in range(20):
            office.parts.noticed.add(f"reading-door-{number}", "room-full")
        many = html.unescape((await client.get("/today")).text)
    assert {item["code"] for item in problems} == {"room-full", "projection-failed"}
    assert status["problems_open"] == 2
    part = page.partition('id="warnings"')[2].partition("</section>")[0]
    assert " hidden>" not in part.partition("<h2")[0]
    for code in ("room-full", "projection-failed"):
        assert CATALOGUE[code].title.vi in part
        assert CATALOGUE[code].remedy.vi in part
    assert "chỉ còn dùng được 1 ngày làm việc" in part
    assert many.count(CATALOGUE["room-full"].title.vi) <= 6
    assert "và 15 việc khác" in many


@pytest.mark.parametrize(
    "line",
    ["online", "offline", "captive-portal", "tls", "dns", "revoked", "moved", "not-enrolled"],
)
async def test_every_state_of_the_line_says_what_to_do(office: Office, line: str) -> None:
    office.parts.board.update(
        line=line, clock=ClockReport(state="suspect"), disk=DiskReport(state="low")
    )
    async with office.signed_in() as client:
        for language in ("vi", "en"):
            await client.get(f"/language/{language}")
            page = (await client.get("/")).text
            assert f'<html lang="{language}">' in page
            assert 'class="card warnings"' in page


async def test_the_language_is_the_readers(office: Office) -> None:
    async with office.browser() as client:
        assert "Đăng nhập" in (await client.get("/login")).text
        english = {"accept-language": "en-GB,en;q=0.9"}
        assert "Sign in" in (await client.get("/login", headers=english)).text
        await client.get("/language/vi")
        assert "Đăng nhập" in (await client.get("/login", headers=english)).text
        assert (await client.get("/language/fr")).status_code == 404


async def events(client: httpx.AsyncClient) -> AsyncIterator[tuple[str, Any]]:
    async with client.stream("GET", "/api/stream", timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = ""
        async for text in answer.aiter_lines():
            if text.startswith("event: "):
                name = text.removeprefix("event: ")
            elif text.startswith("data: "):
                yield name, json.loads(text.removeprefix("data: "))
            elif text.startswith(":"):
                yield "alive", None


async def test_the_stream_tells_status_readings_and_problems(office: Office) -> None:
    seen: dict[str, Any] = {}
    async with office.signed_in(counter=2) as client:
        stream = events(client)
        assert (await anext(stream))[0] == "status"
        scan = {"text": CARD, "device": "counter-2"}
        own = (await client.post("/api/readings", json=scan)).json()
        office.parts.board.update(line="online")
        async for name, value in stream:
            seen[name] = value
            if {"reading", "status", "alive"} <= seen.keys():
                break
        await stream.aclose()  # type: ignore[attr-defined]
    assert seen["status"]["line"] == "online"
    assert seen["reading"]["kind"] == "citizen_card"
    assert seen["reading"]["value"]["id_number"] != "001184000017"
    assert own["value"]["id_number"] == "001184000017"


async def test_readings_are_whole_for_their_own_counter_only(office: Office) -> None:
    async with office.signed_in(counter=2) as client:
        for code in (CARD, "RR473124829GB", "không ai hiểu"):
            scan = {"text": code, "device": "counter-2"}
            assert (await client.post("/api/readings", json=scan)).status_code == 200
        own = (await client.get("/api/readings?device=counter-2")).json()["items"]
        newer = (await client.get(f"/api/readings?after={own[0]['id']}")).json()["items"]
        assert (await client.get("/api/session")).json()["counter"] == 2
    assert [item["kind"] for item in own] == ["opaque", "postal_item", "citizen_card"]
    assert {item["counter"] for item in own} == {2}
    assert own[2]["value"]["full_name"] == "Nguyễn Thị Ngọc Hà"
    assert "không ai hiểu" not in json.dumps(own, ensure_ascii=False)
    assert newer == []


@pytest.mark.parametrize(
    ("who", "counter"), [(CLERK, 0), (CLERK, 3), (SUPERVISOR, 0), (TECHNICIAN, 2)]
)
async def test_nobody_reads_the_card_of_another_counter_whatever_they_ask(
    office: Office, who: tuple[str, str], counter: int
) -> None:
    office.parts.readings.scanned(CARD, device="intake-2", counter=2, at_ms=0)
    async with office.signed_in(who, counter) as client:
        asked = [await client.get(f"/api/readings{query}") for query in ("", "?counter=2")]
        scan = {"text": CARD, "device": "mine", "counter": 2}
        mine = (await client.post("/api/readings", json=scan)).json()
    for answer in asked:
        assert answer.status_code == 200
        assert "Thị Ngọc" not in answer.text
    assert mine["counter"] == (0 if who == TECHNICIAN else counter)
    async with office.through_socket() as client:
        assert "Thị Ngọc" not in (await client.get("/api/readings?counter=2")).text


@pytest.mark.parametrize(
    ("scan", "path"),
    [
        ({"device": "door", "text": CARD}, "device"),
        ({"device": "", "text": CARD}, "device"),
        ({"device": "x" * 33, "text": CARD}, "device"),
        ({"device": "<b>", "text": CARD}, "device"),
        ({"device": "mine", "text": "9" * 7_090}, "text"),
    ],
)
async def test_a_scan_that_no_scanner_of_a_counter_can_make_is_refused(
    office: Office, scan: dict[str, str], path: str
) -> None:
    async with office.signed_in(counter=2) as client:
        answer = await client.post("/api/readings", json=scan)
        kept = (await client.get("/api/readings")).json()["items"]
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, path)
    assert kept == []


async def test_a_counter_that_cannot_be_is_refused_at_the_door(office: Office) -> None:
    form = {"user": CLERK[0], "pin": CLERK[1]}
    async with office.browser() as client:
        for counter in ("100", "-1", "x"):
            answer = await client.post("/login", data=form | {"counter": counter})
            assert (answer.status_code, answer.json()["code"]) == (422, "field-invalid")
        page = await client.post(
            "/login", data=form | {"counter": "x"}, headers={"accept": "text/html"}
        )
        assert "Quầy số phải từ 1 đến 99" in page.text
        assert (await client.post("/login", data=form | {"counter": "0"})).status_code == 303
        assert (await client.get("/api/session")).json()["counter"] is None


async def test_a_counter_left_alone_locks_itself(office: Office) -> None:
    async with office.signed_in() as client:
        stream = events(client)
        await anext(stream)
        office.clock.advance(SESSION_IDLE_S * 1000 - 1)
        assert (await client.get("/today")).status_code == 200
        office.clock.advance(1)
        names = [name async for name, _ in stream]
        assert names[-1] == "locked"
        assert (await client.get("/today")).status_code == 401


async def test_only_so_many_pages_listen(office: Office) -> None:
    async with office.through_socket(limits=httpx.Limits(max_connections=None)) as client:
        streams = [events(client) for _ in range(STREAM_CLIENTS_MAX)]
        await asyncio.gather(*(anext(stream) for stream in streams))
        refused = await client.get("/api/stream")
        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
        await asyncio.gather(*(stream.aclose() for stream in streams))  # type: ignore[attr-defined]


async def test_a_stop_ends_the_streams_well(office: Office) -> None:
    async with office.through_socket() as client:
        stream = events(client)
        await anext(stream)
        office.stop.set()
        async with asyncio.timeout(2):
            assert [name async for name, _ in stream if name != "alive"] == []
