"""What can be wrong with the scanner's folder, its files and the disk: said, and nothing lost."""

import asyncio
import os
from functools import partial
from pathlib import Path

import pytest

from agent.blobs.folder import BlobFolder
from agent.blobs.scan_folder import ScanFolder
from agent.journal import Transaction
from agent.result import Result
from agent.scans import AGAIN_MS, WAITING_MAX, Scans
from agent.views import scans as rows
from tests.agent.blobs.conftest import PDF
from tests.agent.blobs.scanner import Scanner, scanner, scanner_at
from tests.agent.world import as_json
from wire.limits import BLOB_PLAIN_BYTES_MAX
from wire.problems import Refusal

__all__ = ["scanner"]  # the fixture


async def test_a_folder_nobody_may_write_to_is_said_and_doubles_nothing(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = scanner.put()

    def denied(*_args: object, **_more: object) -> None:
        raise PermissionError(13, "denied")

    with monkeypatch.context() as patch:
        patch.setattr("agent.blobs.scan_folder.os.unlink", denied)
        await scanner.look()
        await scanner.look(AGAIN_MS)
        assert (await scanner.names(), scanner.codes()) == (["scan0001.pdf"], ["scan-stays"])
    file.unlink()
    await scanner.look()
    assert (await scanner.names(), scanner.codes()) == (["scan0001.pdf"], [])
    assert await scanner.office.journal.read(rows.sources) == {}


async def test_a_captured_file_that_may_be_removed_at_last_is(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner.put()
    with monkeypatch.context() as patch:
        patch.setattr(ScanFolder, "remove", lambda _self, _found: False)
        await scanner.look()
    await scanner.look(AGAIN_MS)
    assert (await scanner.names(), scanner.files(), scanner.codes()) == (["scan0001.pdf"], [], [])


async def test_another_file_under_the_name_of_a_captured_one_is_another_scan(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = scanner.put()
    before = file.stat()
    with monkeypatch.context() as patch:
        patch.setattr(ScanFolder, "remove", lambda _self, _found: False)
        await scanner.look()
    scanner.put(data=PDF[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    await scanner.look(AGAIN_MS)
    scanner.put(data=PDF + b"3")
    await scanner.look(AGAIN_MS)
    assert len(await scanner.names()) == 3


async def test_a_file_that_may_not_be_read_stops_no_other(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner.put("locked.pdf")
    scanner.put("other.pdf", PDF + b"2")
    real = os.open

    def locked(path: object, *args: object, **more: object) -> int:
        if path == b"locked.pdf":
            raise PermissionError(13, "locked")
        return real(path, *args, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr("agent.blobs.scan_folder.os.open", locked)
        await scanner.look()
    assert await scanner.names() == ["other.pdf"]
    (item,) = scanner.noticed.items()
    assert (item.code, item.severity) == ("scan-unreadable", "act")
    assert "locked.pdf" in item.action.vi
    await scanner.look(AGAIN_MS)
    assert (await scanner.names(), scanner.codes()) == (["locked.pdf", "other.pdf"], [])


@pytest.mark.parametrize("where", ["agent.scans.capture_open", "agent.blobs.scan_folder.os.read"])
async def test_a_disk_that_does_not_give_a_file_is_said(
    scanner: Scanner, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner.put()

    def broken(*_args: object) -> bytes:
        raise OSError(5, "no")

    if where.endswith("os.read"):  # of a file that was captured, and is compared
        with monkeypatch.context() as patch:
            patch.setattr(ScanFolder, "remove", lambda _self, _found: False)
            await scanner.look()
        scanner.office.clock.advance(AGAIN_MS)
    with monkeypatch.context() as patch:
        patch.setattr(where, broken)
        await scanner.look()
    assert scanner.codes() == ["scan-unreadable"]
    await scanner.look(AGAIN_MS)
    assert (len(await scanner.names()), scanner.codes(), scanner.files()) == (1, [], [])


async def test_a_file_too_large_for_a_document_says_so(scanner: Scanner) -> None:
    os.truncate(scanner.put(), BLOB_PLAIN_BYTES_MAX + 1)
    await scanner.look()
    assert (await scanner.names(), scanner.codes()) == ([], ["scan-too-large"])
    assert scanner.files() == ["scan0001.pdf"]


async def test_a_full_disk_leaves_the_file_where_it_is(scanner: Scanner) -> None:
    scanner.put()
    scanner.scans._blobs = BlobFolder(scanner.office.blobs, 1 << 60)
    await scanner.look()
    assert (await scanner.names(), scanner.codes()) == ([], ["disk-full"])
    assert scanner.files() == ["scan0001.pdf"]


async def test_a_disk_that_fails_is_tried_again(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner.put()

    async def failed(_job: object) -> object:
        raise Refusal("disk-failed")

    with monkeypatch.context() as patch:
        patch.setattr(scanner.office.journal, "write", failed)
        with pytest.raises(Refusal, match="disk-failed"):
            await scanner.look()
    assert scanner.office.names() == [".new"]  # it may be in the journal's file all the same
    await scanner.look()
    assert (await scanner.names(), scanner.files()) == (["scan0001.pdf"], [])
    await scanner.office.documents.prepare(stale=False)
    assert scanner.office.names() == [".new"]


async def test_a_refused_row_leaves_no_blob(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner.put()

    async def full(_job: object) -> object:
        raise Refusal("disk-full")

    with monkeypatch.context() as patch:
        patch.setattr(scanner.office.journal, "write", full)
        await scanner.look()
    assert (scanner.office.names(), scanner.codes()) == ([], ["disk-full"])


async def test_too_many_scans_stay_in_the_folder(scanner: Scanner) -> None:
    def many(transaction: Transaction) -> None:
        for number in range(WAITING_MAX):
            transaction.conn.execute(
                "INSERT INTO scan(blob, name, at_ms, sha256, captured) VALUES (?, 'x', 0, ?, ?)",
                (number.to_bytes(32), b"", CAPTURED),
            )

    await scanner.office.journal.write(many)
    scanner.put()
    await scanner.look()
    assert (scanner.files(), scanner.codes()) == (["scan0001.pdf"], ["scan-crowded"])
    await scanner.scans.discard(bytes(32).hex(), None)
    await scanner.look()
    assert (scanner.files(), scanner.codes()) == ([], [])


CAPTURED = (
    b'{"blob_id":"00","key":"","bytes":1,"sha256":"","media_type":"application/pdf","pages":2}'
)


@pytest.mark.parametrize("what", ["gone", "file", "own", "above", "listing"])
async def test_a_folder_that_is_none_is_a_problem_until_it_is_one(
    scanner: Scanner, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = {"own": scanner.office.data / "x", "above": tmp_path}.get(what, tmp_path / "later")
    if what == "file":
        path.write_bytes(b"")
    elif what == "own":
        path.mkdir()
    other = scanner_at(scanner.office, path)
    with monkeypatch.context() as patch:
        if what == "listing":
            path.mkdir()
            patch.setattr("agent.blobs.scan_folder.os.scandir", partial(_fails, 112))
        await other.look()
    (code,) = other.codes()
    assert code == ("scan-folder-own" if what in ("own", "above") else "scan-folder-missing")
    if what == "gone":
        path.mkdir()
    if what in ("gone", "listing"):
        await other.look()
        assert other.codes() == []


def _fails(number: int, *_args: object) -> object:
    raise OSError(number, "host is down")


async def test_no_more_is_looked_at_than_anybody_can_have_scanned(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.blobs.scan_folder.ENTRIES_MAX", 1)
    scanner.put("a.pdf")
    scanner.put("b.pdf", PDF + b"2")
    await scanner.look()
    assert len(scanner.files()) == 1
    await scanner.look()
    assert scanner.files() == []


async def test_a_file_that_goes_while_it_is_listed_is_none(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner.put()
    monkeypatch.setattr("agent.blobs.scan_folder.os.stat", _gone)
    assert ScanFolder(scanner.path, ()).look() == ()


def _gone(*_args: object, **_more: object) -> object:
    raise FileNotFoundError


async def test_a_name_that_is_no_text_is_shown_as_one(scanner: Scanner) -> None:
    (scanner.path / os.fsdecode(b"b\xe1n\nkhai.pdf")).write_bytes(PDF)
    await scanner.look()
    assert await scanner.names() == ["b\ufffdn khai.pdf"]


async def test_without_a_folder_nothing_is_watched(scanner: Scanner) -> None:
    quiet = Scans(
        scanner.office.journal,
        BlobFolder(scanner.office.blobs, 0),
        None,
        clock=scanner.office.clock,
        noticed=scanner.noticed,
        random=os.urandom,
    )
    await quiet.look()
    await quiet.run()
    assert await quiet.waiting() == ()


async def test_the_folder_is_watched_until_the_daemon_stops(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.scans.LOOK_S", 0.01)
    monkeypatch.setattr("agent.scans.STILL_MS", 0)
    scanner.put()
    looked = asyncio.Event()
    look = scanner.scans.look

    async def failing_first() -> None:
        if not looked.is_set():
            looked.set()
            raise Refusal("busy")
        await look()

    monkeypatch.setattr(scanner.scans, "look", failing_first)
    running = asyncio.create_task(scanner.scans.run())
    async with asyncio.timeout(20):
        while not await scanner.names():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_in_a_stream_a_file_like_a_scan_leaves_the_scan_its_blob(scanner: Scanner) -> None:
    scanner.put()
    await scanner.look()
    scan = await scanner.the_one()
    command = {"type": "document.attach", "dossier": "2026/1/1", "name": "Tờ khai"}
    file = str(scanner.office.files / "scan.pdf")
    lines = [as_json(command | {"path": path}) for path in (file, f"scan:{scan.id}")]
    answers = await scanner.office.service.submit_many([(line, None) for line in lines])
    assert all(isinstance(answer, Result) for answer in answers)
    for document in await scanner.office.shown():
        assert await scanner.office.read_back(str(document.id)) == PDF
    assert await scanner.scans.waiting() == ()
