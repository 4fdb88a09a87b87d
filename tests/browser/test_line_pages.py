"""The pages of the line and of problems in a real browser: by keyboard, settled in place."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser.test_counter import (
    COUNTER,
    PATIENCE_MS,
    PHONE,
    birth,
    browser,
    sign_in,
    world,
)
from tests.chaos.link import Link
from tests.e2e.world import BIN, World, environment

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

__all__ = ["browser", "world"]  # fixtures of the counter's stories

SHOTS = os.environ.get("COMMUNE_SHOTS")
"""A folder for pictures of the pages, when somebody wants to look at them."""


def shoot(page: Page, name: str) -> None:
    if SHOTS is not None:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def publish(office: World, line: dict[str, object]) -> None:
    """Say one thing to the office as the province's operator does."""
    words = ("--config", str(office.folder / "server" / "server.toml"), "publish", "--office", "-")
    done = subprocess.run(
        [str(BIN / "commune-server"), *words[:4], office.office["office"], words[4]],
        input=json.dumps(line).encode(),
        capture_output=True,
        env=environment(),
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def cross(office: World, link: Link) -> str:
    """Let the province end a dossier that the office, its line down, lets be withdrawn."""
    (made,) = office.submit([birth("Nguyễn Thị Ngọc Hà")])
    ref = made["id"]
    office.submit([
        {"type": "dossier.forward", "dossier": ref, "to": "Sở Tư pháp", "holder": "province"}
    ])  # fmt: skip
    office.sync()
    link.cut()
    said = {"dossier": ref, "state": "resolved", "by": "Bà Hoa"}
    publish(office, {"kind": "dossier.progressed", "body": said})
    office.submit([{"type": "dossier.withdraw", "dossier": ref, "reason": "Người dân rút"}])
    link.restore()
    office.sync()
    return str(ref)


@pytest.mark.parametrize("size", [COUNTER, PHONE], ids=["counter", "phone"])
def test_a_conflict_is_settled_on_its_page_by_keyboard(
    browser: Browser, world: tuple[World, Link], size: ViewportSize
) -> None:
    office, link = world
    ref = cross(office, link)
    page, said = sign_in(browser, office, size)
    page.get_by_role("link", name="Cần xử lý").click()
    expect(page.get_by_role("heading", name="Đơn vị và tỉnh ghi khác nhau")).to_be_visible()
    shoot(page, f"problems-{size['width']}")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= size["width"]
    page.get_by_role("link", name="Hồ sơ").click()
    expect(page.get_by_text("Đã có kết quả").first).to_be_visible()
    shoot(page, f"dossier-{size['width']}")
    page.locator("input[name=keep][value=office]").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("Đã gọi hỏi người dân")
    page.keyboard.press("Enter")
    expect(page.locator("form.conflict")).to_have_count(0, timeout=PATIENCE_MS)
    expect(page.locator("dl.facts")).to_contain_text("Đã rút hồ sơ", timeout=PATIENCE_MS)
    page.goto(f"http://127.0.0.1:{office.agent_port}/problems")
    expect(page.get_by_text("Không có việc nào cần xử lý.")).to_be_visible()
    assert said == []
    assert office.call("GET", f"/api/dossiers/{ref}")[2]["state"] == "withdrawn"


@pytest.mark.parametrize("size", [COUNTER, PHONE], ids=["counter", "phone"])
def test_the_page_of_the_line_says_what_is_missing_and_sends_at_a_click(
    browser: Browser, world: tuple[World, Link], size: ViewportSize
) -> None:
    office, link = world
    office.submit([birth("Lê Văn An")])
    office.sync()
    page, said = sign_in(browser, office, size)
    page.get_by_role("link", name="Gửi về tỉnh").click()
    missing = page.locator("#missing-words")
    expect(missing).to_contain_text("Tỉnh không thiếu gì", timeout=PATIENCE_MS)
    shoot(page, f"sync-{size['width']}")
    link.cut()
    office.submit([birth("Trần Văn Bình"), birth("Phạm Thị Cúc")])
    expect(missing).to_contain_text("Tỉnh còn thiếu 2 bản ghi", timeout=PATIENCE_MS)
    expect(page.locator("#line-state")).to_contain_text("Mất đường truyền", timeout=PATIENCE_MS)
    shoot(page, f"sync-down-{size['width']}")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= size["width"]
    link.restore()
    page.get_by_role("button", name="Gửi ngay").press("Enter")
    expect(page.get_by_text("Đang thử gửi")).to_be_visible(timeout=PATIENCE_MS)
    expect(missing).to_contain_text("Tỉnh không thiếu gì", timeout=PATIENCE_MS)
    assert said == []
