"""The province's pages, as a browser gets them."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import msgspec
import pytest

from server.context import ServerContext
from server.incidents import record
from server.offices import add_office
from server.store.tables import office as office_table
from server.store.tables import problem as problem_table
from tests.server.browser import Browser
from tests.server.province import NOW_MS, Device, FakeClock, new_device
from tests.server.test_reconcile import days_of, report
from tests.server.test_reports import full_report
from wire.digests import encode_days

HOSTILE = "\"><script>alert(1)</script>{{7*7}}'=1+1&amp;\u202e"


@pytest.fixture
async def device(ctx: ServerContext) -> Device:
    return await new_device(ctx)


class _Parts(HTMLParser):
    """Counts the elements of a page and gathers what could run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.active: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.active += [tag] if tag in ("script", "iframe", "object", "style") else []
        self.active += [
            name
            for name, value in attrs
            if name.startswith("on")
            or name == "style"
            or (name in ("href", "src", "action") and (value or "").startswith("javascript"))
        ]


def parts(page: str) -> _Parts:
    found = _Parts()
    found.feed(page)
    return found


async def test_every_page_is_sealed_against_scripts(signed_in: Browser, device: Device) -> None:
    for path in ("/", "/offices/H26.107", "/offices/none", "/static/province.css", "/login"):
        answer = await signed_in.http.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_hostile_words_stay_words(
    ctx: ServerContext, signed_in: Browser, device: Device
) -> None:
    plain = {path: parts(await signed_in.see(path)).tags for path in ("/", "/offices/H26.107")}
    async with ctx.store.write() as conn:
        await conn.execute(office_table.update().values(name=HOSTILE))
        await record(conn, device.office, HOSTILE[:40], facts=(), detail=HOSTILE, now_ms=NOW_MS)
        row = {"office_id": device.office, "journal_no": 1, "seq": 1, "code": HOSTILE[:40]}
        await conn.execute(problem_table.insert(), [row | {"detail": HOSTILE, "at_ms": NOW_MS}])
    told = msgspec.json.decode(b"{}")
    told |= {"agent": HOSTILE[:32], "generated_at": HOSTILE, "journal": device.journal.hex()}
    device.note()
    await device.sync(report=full_report(device, 0))
    for path in plain:
        page = await signed_in.see(path)
        found = parts(page)
        assert found.active == []
        assert "<script" not in page
        assert "{{7*7}}" in page
    for query in ("q", "state", "sort", "down", "page"):
        assert parts(await signed_in.see("/", **{query: HOSTILE})).active == []
    wrong = await signed_in.sign_in(HOSTILE[:60], HOSTILE)
    assert parts(wrong.text).active == []
    assert "<script" not in wrong.text


async def test_every_office_is_there_also_without_a_device(
    ctx: ServerContext, signed_in: Browser, device: Device
) -> None:
    await add_office(ctx, "H26.999", "Xã Mỹ Đức")
    device.note()
    await device.sync()
    page = await signed_in.see("/")
    assert "Xã Mỹ Đức" in page
    assert "Chưa có máy" in page
    assert "21/11/2026 08:00" in page
    assert "Đều" in page


async def test_offices_are_found_without_accents_and_sorted(
    ctx: ServerContext, signed_in: Browser
) -> None:
    for number, name in ((1, "Xã Ứng Hòa"), (2, "Xã Mỹ Đức"), (3, "Xã Ứng Thiên")):
        await add_office(ctx, f"H26.00{number}", name)
    page = await signed_in.see("/", q="ung")
    assert ("Ứng Hòa" in page, "Mỹ Đức" in page) == (True, False)
    names = re.findall(r'href="/offices/[^"]+">([^<]+)<', await signed_in.see("/", sort="office"))
    assert names == ["Xã Mỹ Đức", "Xã Ứng Hòa", "Xã Ứng Thiên"]
    down = await signed_in.see("/", sort="office", down=1)
    assert re.findall(r'href="/offices/[^"]+">([^<]+)<', down) == names[::-1]
    assert 'aria-sort="descending"' in down
    assert "Không có đơn vị nào khớp" in await signed_in.see("/", q="không có")


async def test_every_heading_sorts(ctx: ServerContext, signed_in: Browser, device: Device) -> None:
    await device.sync()
    await add_office(ctx, "H26.999", "Xã Mỹ Đức")
    headings = re.findall(r'<a href="(/\?[^"]+)">', await signed_in.see("/"))
    for address in headings:
        page = await signed_in.see(address.replace("&amp;", "&"))
        assert len(re.findall(r'aria-sort="(?:as|des)cending"', page)) == 1
    assert len(headings) >= 7


async def test_many_offices_come_page_by_page(ctx: ServerContext, signed_in: Browser) -> None:
    rows = [
        {
            "office_id": number.to_bytes(16, "big"),
            "code": f"H26.{number}",
            "name": f"Xã {number}",
            "ward_code": None,
            "created_ms": 1,
        }
        for number in range(101, 252)
    ]
    async with ctx.store.write() as conn:
        await conn.execute(office_table.insert(), rows)
    seen = []
    address: str | None = "/?sort=office"
    while address is not None:
        page = await signed_in.see(address)
        seen += re.findall(r'href="/offices/[^"]+">([^<]+)<', page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        address = None if found is None else found[1].replace("&amp;", "&")
    assert sorted(seen) == sorted(str(row["name"]) for row in rows)
    assert len(await signed_in.see("/", page=99_999)) < len(page) * 3


async def test_the_worst_stand_first(
    ctx: ServerContext, signed_in: Browser, clock: FakeClock
) -> None:
    quiet = await new_device(ctx, seed=1, code="H26.101")
    await quiet.sync()
    clock.ms += 2 * 86_400_000
    lively = await new_device(ctx, seed=2, code="H26.102")
    await lively.sync()
    await signed_in.sign_in()
    page = await signed_in.see("/")
    assert page.index("H26.101") < page.index("H26.102")
    assert "2 ngày trước" in page
    only = await signed_in.see("/", state="silent")
    assert ("H26.101<" in only, "H26.102<" in only) == (True, False)


async def test_one_sentence_says_that_everything_is_here(
    signed_in: Browser, device: Device
) -> None:
    assert "Tỉnh chưa nhận được gì" in await signed_in.see("/offices/H26.107")
    for _ in range(1_234):
        device.note()
    await device.sync(report=full_report(device, 0))
    page = await signed_in.see("/offices/H26.107")
    assert "Tỉnh đã có đủ 1.234 bản ghi của đơn vị, tính đến 21/11/2026 08:00." in page
    assert "1–1234" in page


async def test_or_what_is_missing(signed_in: Browser, device: Device) -> None:
    for _ in range(40):
        device.note()
    await device.sync(last=6, report=full_report(device, 0))
    page = await signed_in.see("/offices/H26.107")
    assert "Tỉnh còn thiếu 34 bản ghi (số 7–40)." in page
    await device.sync(first=7, last=39)
    assert "Tỉnh còn thiếu 1 bản ghi (số 40)." in await signed_in.see("/offices/H26.107")


async def test_or_that_both_sides_differ(signed_in: Browser, device: Device) -> None:
    device.note()
    device.note()
    await device.sync()
    (row,) = days_of(device, 2)
    wrong = [row._replace(count=3)]
    told = report(device, 2, wrong)
    await device.sync(first=3, report=told)
    assert "chưa gửi bảng đếm" in await signed_in.see("/offices/H26.107")
    await device.sync(first=3, report=told, days=encode_days(wrong))
    page = await signed_in.see("/offices/H26.107")
    assert "đếm theo ngày khác nhau" in page
    assert '<th scope="row">21/11/2026</th>' in page
    device.heads[-1] = device.heads[-1]._replace(hash=bytes(32))
    await device.sync(first=3)
    assert "khác nhau: cần người xem xét" in await signed_in.see("/offices/H26.107")


async def test_problems_say_what_to_do(
    ctx: ServerContext, signed_in: Browser, device: Device
) -> None:
    device.write(b'{"kind":"visit.checked_in"}')
    await device.sync()
    async with ctx.store.write() as conn:
        await record(conn, device.office, "part-swapped", facts=(), detail="disk", now_ms=NOW_MS)
    page = await signed_in.see("/offices/H26.107")
    assert "Bản ghi sai quy cách" in page
    assert "bản ghi số 1" in page
    assert "Máy đã thay một bộ phận" in page
    assert re.search(r'class="number"[^>]*>2</td>\s*</tr>', await signed_in.see("/"))


async def test_an_unknown_office_is_a_page_too(signed_in: Browser) -> None:
    answer = await signed_in.http.get("/offices/H99.1")
    assert answer.status_code == 404
    assert "Không có đơn vị này" in answer.text


async def test_every_page_speaks_both_languages(signed_in: Browser, device: Device) -> None:
    await device.sync()
    done = await signed_in.http.get("/language/en")
    assert done.status_code == 303
    for path, words in (("/", "Last heard"), ("/offices/H26.107", "Reconciliation")):
        page = await signed_in.see(path)
        assert '<html lang="en">' in page
        assert words in page
    assert (await signed_in.http.get("/language/fr")).status_code == 404


async def test_files_of_the_pages_are_kept_by_the_browser(browser: Browser) -> None:
    css = await browser.http.get("/static/province.css")
    assert css.headers["content-type"].startswith("text/css")
    assert "immutable" in css.headers["cache-control"]
    assert (await browser.http.get("/favicon.ico")).headers["content-type"] == "image/svg+xml"
    assert (await browser.http.get("/static/pages.py")).status_code == 404


async def test_every_page_names_its_province(browser: Browser) -> None:
    assert "Hà Nội" in await browser.see("/login")
    await browser.sign_in()
    text = await browser.see("/")
    assert "<strong>Hà Nội</strong>" in text
    assert "· Hà Nội</title>" in text


@pytest.mark.parametrize(
    ("came_from", "back"),
    [
        ("{own}/offices/H26.107?a=1", "/offices/H26.107?a=1"),
        ("{own}/login", "/login"),
        ("{own}/language/en", "/"),
        ("{own}//elsewhere.example/", "/"),
        ("http://elsewhere.example/offices/H26.107", "/"),
        ("", "/"),
    ],
)
async def test_another_language_leaves_one_where_one_was(
    browser: Browser, came_from: str, back: str
) -> None:
    own = str(browser.http.base_url).rstrip("/")
    headers = {"Referer": came_from.format(own=own)}
    answer = await browser.http.get("/language/en", headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (303, back)


async def test_a_page_behind_the_last_is_the_last(ctx: ServerContext, signed_in: Browser) -> None:
    for number in range(101):
        await add_office(ctx, f"H26.{number:03}", f"Xã {number:03}")
    text = await signed_in.see("/", page=99)
    assert "Xã 100" in text
    assert 'rel="prev" href="/?sort=state&amp;page=1"' in text
    assert 'rel="next"' not in text


async def test_a_browser_is_shown_a_page_where_there_is_none(browser: Browser) -> None:
    answer = await browser.http.get("/nope")
    assert (answer.status_code, answer.headers["content-type"]) == (
        404,
        "text/html; charset=utf-8",
    )
    assert 'href="/"' in answer.text
    program = await browser.http.get("/nope", headers={"Accept": "application/json"})
    assert program.json()["code"] == "not-found"
