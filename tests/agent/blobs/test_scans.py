"""The folder of the office's scanner: taken in once, offered until attached, never lost."""

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.blobs.capture import Capture
from agent.blobs.scan_folder import Found, ScanFolder
from agent.scans import STILL_MS, Scans
from agent.views import scans as rows
from tests.agent.blobs.conftest import PDF
from tests.agent.blobs.scanner import Scanner, again, scanner
from wire.problems import Refusal

__all__ = ["scanner"]  # the fixture


async def test_a_scan_is_taken_in_offered_and_attached(scanner: Scanner) -> None:
    scanner.put()
    await scanner.look()
    scan = await scanner.the_one()
    assert (scan.name, scan.bytes, scan.media_type) == ("scan0001.pdf", len(PDF), "application/pdf")
    assert scanner.files() == []
    assert scanner.office.names() == [".new"]
    document = await scanner.scans.open(scan.id)
    assert document.read().startswith(b"%PDF")
    document.close()
    result = await scanner.attach(scan.id)
    (shown,) = await scanner.office.shown()
    assert (result.book, shown.id) == ("1/1", scan.id)
    assert await scanner.office.read_back(scan.id) == PDF
    assert await scanner.scans.waiting() == ()
    assert scanner.office.names() == [".blob"]


async def test_a_file_is_whole_when_it_stands_still(scanner: Scanner) -> None:
    file = scanner.put(data=PDF[:1000])
    await scanner.look(STILL_MS - 1)
    file.write_bytes(PDF)
    await scanner.look(STILL_MS - 1)
    assert await scanner.names() == []
    await scanner.look(1)
    assert (await scanner.the_one()).bytes == len(PDF)


@pytest.mark.parametrize(
    "name", [".hidden.pdf", "~$scan.pdf", "a.tmp", "A.PART", "b.crdownload", "Thumbs.db"]
)
async def test_what_is_still_being_written_by_its_name_is_left_alone(
    scanner: Scanner, name: str
) -> None:
    scanner.put(name)
    scanner.put("empty.pdf", b"")
    await scanner.look()
    assert (await scanner.names(), scanner.codes()) == ([], [])
    assert scanner.files() == sorted([name, "empty.pdf"])


@pytest.mark.parametrize("what", ["link", "folder", "pipe", "socket"])
async def test_nothing_but_files_of_the_folder_is_followed(
    scanner: Scanner, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scanner.path / what
    if what == "link":
        path.symlink_to(scanner.office.data / "journal.db")
    elif what == "folder":
        path.mkdir()
        (path / "inside.pdf").write_bytes(PDF)
    elif what == "pipe":
        os.mkfifo(path)
    else:
        monkeypatch.chdir(scanner.path)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(what)
    await scanner.look()
    assert (await scanner.names(), scanner.files()) == ([], [what])


async def test_a_file_with_a_second_name_elsewhere_is_no_scan(scanner: Scanner) -> None:
    os.link(scanner.office.data / "journal.db", scanner.path / "scan.pdf")
    await scanner.look()
    assert (await scanner.names(), scanner.codes()) == ([], ["scan-unreadable"])
    assert scanner.files() == ["scan.pdf"]


async def test_a_file_that_becomes_a_link_meanwhile_is_not_followed(scanner: Scanner) -> None:
    file = scanner.put()
    folder = ScanFolder(scanner.path, ())
    (found,) = folder.look()
    file.unlink()
    file.symlink_to(scanner.office.data / "journal.db")
    with pytest.raises(Refusal, match="scan-unreadable"), folder.reading(found):
        pass
    assert not folder.remove(found)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(Refusal, match="scan-unreadable"), folder.reading(found):
        pass


async def test_a_file_that_was_changed_after_it_was_read_is_kept(scanner: Scanner) -> None:
    file = scanner.put()
    folder = ScanFolder(scanner.path, ())
    (found,) = folder.look()
    file.write_bytes(b"%PDF another")
    assert not folder.remove(found)
    assert file.read_bytes() == b"%PDF another"
    file.unlink()
    assert folder.remove(found)
    assert folder.look() == ()


async def test_a_file_that_grows_while_it_is_read_is_taken_later(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = scanner.put()
    finish = Capture.write

    def grow(self: Capture, data: bytes) -> None:
        finish(self, data)
        with file.open("ab") as more:
            more.write(b"more")

    with monkeypatch.context() as patch:
        patch.setattr(Capture, "write", grow)
        await scanner.look()
    assert (await scanner.names(), scanner.codes()) == ([], ["scan-unreadable"])
    assert scanner.office.names() == []
    size = file.stat().st_size
    await scanner.look()
    assert (await scanner.the_one()).bytes == size > len(PDF)
    assert (scanner.codes(), scanner.files()) == ([], [])


async def test_the_same_file_put_there_twice_waits_once(scanner: Scanner) -> None:
    scanner.put("a.pdf")
    scanner.put("b.pdf")
    await scanner.look()
    assert (await scanner.names(), scanner.files()) == (["a.pdf"], [])
    assert scanner.office.names() == [".new"]


Kill = Callable[[Scanner, pytest.MonkeyPatch], None]


def before_the_row(scanner: Scanner, patch: pytest.MonkeyPatch) -> None:
    async def killed(_job: object) -> object:
        raise asyncio.CancelledError

    patch.setattr(scanner.office.journal, "write", killed)


def before_the_removal(_scanner: Scanner, patch: pytest.MonkeyPatch) -> None:
    def killed(_self: ScanFolder, _found: Found) -> bool:
        raise asyncio.CancelledError

    patch.setattr(ScanFolder, "remove", killed)


def behind_the_removal(_scanner: Scanner, patch: pytest.MonkeyPatch) -> None:
    async def killed(_self: Scans, files: set[bytes]) -> None:
        if files:
            raise asyncio.CancelledError

    patch.setattr(Scans, "_forget_sources", killed)


@pytest.mark.parametrize("kill", [before_the_row, before_the_removal, behind_the_removal])
async def test_a_kill_at_any_step_neither_doubles_nor_loses_a_scan(
    scanner: Scanner, kill: Kill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner.put()
    with monkeypatch.context() as patch:
        kill(scanner, patch)
        with pytest.raises(asyncio.CancelledError):
            await scanner.look()
    async for after in again(scanner, tmp_path):
        waiting = await after.scans.waiting()
        if waiting:  # attached before the folder is looked at again: still it is one scan
            await after.attach(waiting[0].id)
        await after.look()
        left = [scan.name for scan in await after.scans.waiting()]
        documents = await after.office.shown()
        assert len(left) + len(documents) == 1
        assert after.files() == []
        assert await after.office.journal.read(rows.sources) == {}
        assert len(after.office.names()) == 1


async def test_a_waiting_scan_survives_a_start(scanner: Scanner, tmp_path: Path) -> None:
    scanner.put()
    await scanner.look()
    async for after in again(scanner, tmp_path):
        scan = await after.the_one()
        await after.attach(scan.id)
        assert await after.office.read_back(scan.id) == PDF


async def test_a_refused_attachment_leaves_the_scan_waiting(scanner: Scanner) -> None:
    scanner.put()
    await scanner.look()
    scan = await scanner.the_one()
    with pytest.raises(Refusal, match="dossier-unknown"):
        await scanner.attach(scan.id, "2026/1/99")
    assert (await scanner.the_one()).id == scan.id
    await scanner.attach(scan.id)
    assert len(await scanner.office.shown()) == 1


async def test_a_scan_is_attached_once_and_a_key_gives_the_first_answer(scanner: Scanner) -> None:
    scanner.put()
    await scanner.look()
    scan = await scanner.the_one()
    first = await scanner.attach(scan.id, key="k1")
    assert (await scanner.attach(scan.id, key="k1")).seq == first.seq
    with pytest.raises(Refusal, match="scan-unknown"):
        await scanner.attach(scan.id)
    with pytest.raises(Refusal, match="scan-unknown"):
        await scanner.attach("zz")
    with pytest.raises(Refusal, match="scan-unknown"):
        await scanner.scans.open(scan.id)
    with pytest.raises(Refusal, match="scan-unknown"):
        await scanner.scans.discard(scan.id, None)
    assert await scanner.office.read_back(scan.id) == PDF


async def test_a_scan_whose_blob_is_gone_says_so(scanner: Scanner) -> None:
    scanner.put()
    await scanner.look()
    scan = await scanner.the_one()
    (blob,) = scanner.office.blobs.iterdir()
    blob.unlink()
    with pytest.raises(Refusal, match="document-damaged"):
        await scanner.attach(scan.id)
    await scanner.scans.discard(scan.id, "lan.nt")
    assert await scanner.names() == []


async def test_a_discarded_scan_leaves_nothing(scanner: Scanner) -> None:
    scanner.put()
    await scanner.look()
    await scanner.scans.discard((await scanner.the_one()).id, "lan.nt")
    assert (await scanner.names(), scanner.office.names()) == ([], [])
    scanner.put()
    await scanner.look()
    assert await scanner.names() == ["scan0001.pdf"]
