"""Scans that wait, through the local door: listed, opened, attached by a command, discarded."""

import asyncio
import os
from pathlib import Path

import msgspec
import pytest

from agent.blobs.folder import BlobFolder
from agent.blobs.scan_folder import ScanFolder
from agent.scans import STILL_MS, Scans
from agent.web.scan_words import scan_rows
from tests.agent.web.office import RECEIVE, Office
from tests.agent.web.test_line_page import page
from tests.agent.web.test_pages import active_parts

PDF = b"%PDF-1.7 " + bytes(range(256)) * 10


@pytest.fixture
async def scan(office: Office, tmp_path: Path) -> str:
    """A scan that waits at the office; its id."""
    folder = tmp_path / "scanner"
    folder.mkdir()
    await asyncio.to_thread((folder / "quet 01.pdf").write_bytes, PDF)
    parts = office.parts
    blobs = BlobFolder(office.journal.path.parent / "blobs", 0)
    taking = Scans(
        office.journal,
        blobs,
        ScanFolder(folder, ()),
        clock=office.clock,
        noticed=parts.noticed,
        random=os.urandom,
    )
    await taking.look()
    office.clock.advance(STILL_MS)
    await taking.look()
    (waiting,) = await parts.scans.waiting()
    return waiting.id


async def test_a_waiting_scan_is_listed_opened_and_attached(office: Office, scan: str) -> None:
    async with office.signed_in() as client:
        await client.post("/api/commands", json=RECEIVE)
        listed = (await client.get("/api/scans")).json()
        assert listed["next"] is None
        (item,) = listed["items"]
        assert (item["id"], item["name"], item["bytes"]) == (scan, "quet 01.pdf", len(PDF))
        assert item["at"].endswith("+07:00")
        opened = await client.get(f"/api/scans/{scan}")
        assert opened.content == PDF
        assert "sandbox" in opened.headers["content-security-policy"]
        command = {"type": "document.attach", "dossier": "2026/1/1", "name": "Tờ khai"}
        done = await client.post("/api/commands", json=command | {"path": f"scan:{scan}"})
        assert (done.status_code, done.json()["book"]) == (200, "1/1")
        assert (await client.get("/api/scans")).json()["items"] == []
        again = await client.post("/api/commands", json=command | {"path": f"scan:{scan}"})
        assert (again.status_code, again.json()["code"]) == (404, "scan-unknown")
        assert (await client.get(f"/api/documents/{scan}")).content == PDF


async def test_a_scan_of_no_dossier_is_discarded(office: Office, scan: str) -> None:
    async with office.signed_in() as client:
        assert (await client.post(f"/api/scans/{scan}/discard")).json() == {"ok": True}
        gone = await client.post(f"/api/scans/{scan}/discard")
        assert (gone.status_code, gone.json()["code"]) == (404, "scan-unknown")
        assert (await client.get(f"/api/scans/{scan}")).json()["code"] == "scan-unknown"


async def test_the_page_offers_each_scan_with_a_form(office: Office, scan: str) -> None:
    whole = await page(office, "/scans")
    assert active_parts(whole) == []
    assert "Scans that wait to be attached" in whole
    assert "quet 01.pdf" in whole
    assert "2 kB" in whole
    assert f'name="path" value="scan:{scan}"' in whole
    assert 'name="name" required value="quet 01"' in whole
    async with office.signed_in() as client:
        parts = await client.get("/scans/parts", headers={"accept-language": "en"})
        assert f"/api/scans/{scan}/discard" in parts.text
        await client.post(f"/api/scans/{scan}/discard")
    assert "No scan is waiting." in await page(office, "/scans")


async def test_whoever_is_not_signed_in_sees_no_scan(office: Office, scan: str) -> None:
    async with office.browser() as client:
        assert (await client.get("/scans")).headers["location"] == "/login"
        for path in ("/api/scans", f"/api/scans/{scan}", "/scans/parts"):
            assert (await client.get(path)).status_code == 401
        assert (await client.post(f"/api/scans/{scan}/discard")).status_code == 401


@pytest.mark.parametrize(("pages", "words"), [(1, "1 trang"), (3, "3 trang"), (None, "8 kB")])
async def test_pages_are_told_where_they_are_known(
    office: Office, scan: str, pages: int | None, words: str
) -> None:
    (waiting,) = await office.parts.scans.waiting()
    known = msgspec.structs.replace(waiting, pages=pages, bytes=8_000, name=".pdf")
    (row,) = scan_rows([known], office.clock.now_ms(), "vi")
    assert row.about.endswith(words)
    assert (row.id, row.name) == (scan, ".pdf")
