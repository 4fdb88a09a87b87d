"""The page of scans in a real browser: what the scanner put down is attached at the counter."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from tests.browser.test_counter import COUNTER, PATIENCE_MS, PHONE, birth, browser, sign_in
from tests.browser.test_line_pages import shoot
from tests.e2e.world import World

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

__all__ = ["browser"]  # fixture of the counter's stories

TAKEN_MS = 20_000
"""A file is looked at every two seconds, and taken in when it has stood still for four."""
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[World]:
    """Give an office whose scanner puts its files into a folder."""
    folder = tmp_path / "scanner"
    folder.mkdir()
    with World(tmp_path / "world") as made:
        settings = made.home / "agent.toml"
        settings.write_text(
            f"{settings.read_text()}\n[scans]\nfolder = {json.dumps(str(folder))}\n"
        )
        made.start_agent()
        yield made


def scan(office: World, name: str, data: bytes) -> None:
    (office.folder.parent / "scanner" / name).write_bytes(data)


def waiting(office: World) -> int:
    """Count the scans that wait."""
    return len(office.call("GET", "/api/scans")[2]["items"])


@pytest.mark.parametrize("size", [COUNTER, PHONE], ids=["counter", "phone"])
def test_a_scan_is_attached_while_the_next_arrives(
    browser: Browser, office: World, size: ViewportSize
) -> None:
    (made,) = office.submit([birth("Nguyễn Thị Ngọc Hà")])
    scan(office, "giấy chứng sinh.pdf", PDF)
    page, said = sign_in(browser, office, size)
    page.get_by_role("link", name="Bản quét").click()
    first = page.locator("#scans .card").filter(has_text="giấy chứng sinh.pdf")
    expect(first).to_be_visible(timeout=TAKEN_MS)
    first.locator("input[name=dossier]").fill(made["book"])
    scan(office, "hộ chiếu.pdf", PDF + b"%2\n")
    until = time.monotonic() + TAKEN_MS / 1000
    while waiting(office) < 2 and time.monotonic() < until:
        page.wait_for_timeout(250)
    assert waiting(office) == 2
    page.wait_for_timeout(1_000)  # the page hears of it, and leaves what is being written alone
    expect(first.locator("input[name=dossier]")).to_have_value(made["book"])
    first.locator("input[name=name]").fill("Giấy chứng sinh")
    page.keyboard.press("Enter")
    expect(first).to_have_count(0, timeout=PATIENCE_MS)
    other = page.locator("#scans .card").filter(has_text="hộ chiếu.pdf")
    expect(other).to_be_visible(timeout=PATIENCE_MS)
    shoot(page, f"scans-{size['width']}")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    expect(other.get_by_role("button", name="Bỏ hẳn")).to_be_hidden()
    other.get_by_text("Bỏ bản quét này").click()
    other.get_by_role("button", name="Bỏ hẳn").press("Enter")
    expect(page.get_by_text("Không có bản quét nào đang chờ.")).to_be_visible(timeout=PATIENCE_MS)
    assert said == []
    held = office.call("GET", f"/api/dossiers/{made['id']}")[2]["documents"]
    assert [each["name"] for each in held if each["media_type"]] == ["Giấy chứng sinh"]
