"""The counter's pages in a real browser, with the line cut and joined beside it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.chaos.link import Link
from tests.e2e.world import World
from tests.ports import free_port

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
COUNTER = ViewportSize(width=1024, height=768)
PHONE = ViewportSize(width=390, height=844)
PATIENCE_MS = 15_000
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give the system's Chromium."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=QUIET)
        yield started
        started.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[World, Link]]:
    """Give a province and an office at work, and the line between them."""
    port = free_port()
    with (
        Link(port) as link,
        World(tmp_path, server_port=port, province_url=f"http://127.0.0.1:{link.port}") as made,
    ):
        made.start_server()
        made.start_agent()
        yield made, link


def sign_in(browser: Browser, world: World, size: ViewportSize = COUNTER) -> tuple[Page, list[str]]:
    """Sign in as the first clerk by keyboard alone; give the page and what its console says."""
    page = browser.new_context(viewport=size, locale="vi-VN").new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"http://127.0.0.1:{world.agent_port}/")
    user = world.office["users"][0]
    # The form asks for the focus; the browser gives it with its first frame, after the load.
    expect(page.locator("input[name=user]")).to_be_focused(timeout=PATIENCE_MS)
    page.keyboard.type(user["name"])
    page.keyboard.press("Tab")
    page.keyboard.type(user["pin"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Hôm nay", level=1)).to_be_visible(timeout=PATIENCE_MS)
    return page, said


def birth(name: str, **more: object) -> dict[str, object]:
    """Give the command of a birth registration for somebody."""
    applicant = {"full_name": name, "id_number": "001184000017", "phone": "0912345678"}
    return {
        "type": "dossier.receive",
        "procedure_code": "1.001193",
        "channel": "direct",
        "return_channel": "direct",
        "applicant": applicant,
        **more,
    }


def test_the_page_follows_the_line_without_being_loaded_again(
    browser: Browser, world: tuple[World, Link]
) -> None:
    office, link = world
    page, said = sign_in(browser, office)
    line = page.locator("#line")
    expect(line).to_contain_text("Đường truyền tốt", timeout=PATIENCE_MS)
    page.evaluate("window.loadedOnce = true")

    link.cut()
    office.submit([birth("Nguyễn Thị Ngọc Hà")])
    expect(page.locator("#dossiers")).to_contain_text("Nguyễn Thị Ngọc Hà", timeout=PATIENCE_MS)
    expect(page.locator("#dossiers")).to_contain_text("chưa gửi")
    expect(line).to_contain_text("Mất đường truyền", timeout=PATIENCE_MS)

    link.restore()
    expect(page.locator("#dossiers")).to_contain_text("tỉnh đã nhận", timeout=PATIENCE_MS)
    expect(line).to_contain_text("Đường truyền tốt", timeout=PATIENCE_MS)
    assert page.evaluate("window.loadedOnce") is True
    assert said == []


def test_a_hostile_name_stays_text(browser: Browser, world: tuple[World, Link]) -> None:
    office, _ = world
    page, said = sign_in(browser, office)
    (result,) = office.submit([birth(HOSTILE)])
    assert result["ok"], json.dumps(result)
    expect(page.locator("#dossiers")).to_contain_text("<script>", timeout=PATIENCE_MS)
    page.reload()
    expect(page.locator("#dossiers")).to_contain_text("<script>")
    assert page.title() != "owned"
    assert page.locator("#dossiers img").count() == 0
    assert said == []


@pytest.mark.parametrize("size", [COUNTER, PHONE], ids=["counter", "phone"])
def test_nothing_sticks_out_of_the_screen(
    browser: Browser, world: tuple[World, Link], size: ViewportSize
) -> None:
    office, _ = world
    long_name = "Công Tằng Tôn Nữ Nguyễn Thị Phương Thảo Hoàng Minh Ánh Nguyệt"
    office.submit([birth(long_name)])
    page, _ = sign_in(browser, office, size)
    expect(page.locator("#dossiers")).to_contain_text(long_name)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= size["width"]


def test_a_wrong_pin_is_said_in_words_and_the_name_stays(
    browser: Browser, world: tuple[World, Link]
) -> None:
    office, _ = world
    page = browser.new_context(viewport=COUNTER, locale="vi-VN").new_page()
    page.goto(f"http://127.0.0.1:{office.agent_port}/login")
    page.fill("input[name=user]", "lan.nt")
    page.fill("input[name=pin]", "000000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("input[name=user]")).to_have_value("lan.nt")
    expect(page.locator("input[name=pin]")).to_have_value("")


def test_english_stands_beside(browser: Browser, world: tuple[World, Link]) -> None:
    office, _ = world
    page, _ = sign_in(browser, office)
    page.get_by_text("English").click()
    expect(page.get_by_role("heading", name="Today", level=1)).to_be_visible(timeout=PATIENCE_MS)
