"""The folder of the office's scanner: taken in once, offered until attached, never lost."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from agent.blobs.capture import Capture
from agent.blobs.folder import BlobFolder
from agent.blobs.scan_folder import Found, ScanFolder
from agent.journal import Transaction
from agent.noticed import Noticed
from agent.result import Result
from agent.scans import AGAIN_MS, STILL_MS, WAITING_MAX, Scans
from agent.views import scans as rows
from agent.views.scans import WaitingScan
from tests.agent.blobs.conftest import PDF, opened
from tests.agent.blobs.conftest import Scans as Office
from tests.agent.world import as_json
from wire.limits import BLOB_PLAIN_BYTES_MAX
from wire.problems import Refusal


@dataclass
class Scanner:
    """An office with a watched folder."""

    office: Office
    scans: Scans
    noticed: Noticed
    path: Path

    def put(self, name: str = "scan0001.pdf", data: bytes = PDF) -> Path:
        file = self.path / name
        file.write_bytes(data)
        return file

    async def look(self, after_ms: int = STILL_MS) -> None:
        """Look, and again after a while: what stood still meanwhile is whole."""
        await self.scans.look()
        self.office.clock.advance(after_ms)
        await self.scans.look()

    async def names(self) -> list[str]:
        return [scan.name for scan in await self.scans.waiting()]

    async def the_one(self) -> WaitingScan:
        (scan,) = await self.scans.waiting()
        return scan

    async def attach(self, scan: str, dossier: str = "2026/1/1", **more: str) -> Result:
        command = {"type": "document.attach", "dossier": dossier, "name": "Tờ khai"}
        line = as_json(command | {"path": f"scan:{scan}"} | more)
        return await self.office.service.submit_line(line, "lan.nt")

    def codes(self) -> list[str]:
        return [item.code for item in self.noticed.items()]

    def files(self) -> list[str]:
        return sorted(path.name for path in self.path.iterdir())


def scanner_at(office: Office, path: Path, own: tuple[Path, ...] = ()) -> Scanner:
    clock = office.clock
    noticed = Noticed(clock.now_ms, clock.mono_ms, lambda _: None)
    blobs = BlobFolder(office.blobs, 0)
    folder = ScanFolder(path, own or (office.data,))
    return Scanner(
        office,
        Scans(office.journal, blobs, folder, clock=clock, noticed=noticed, random=os.urandom),
        noticed,
        path,
    )


@pytest.fixture
async def scanner(scans: Office, tmp_path: Path) -> Scanner:
    (tmp_path / "scanner").mkdir()
    return scanner_at(scans, tmp_path / "scanner")


async def again(scanner: Scanner, tmp_path: Path) -> AsyncIterator[Scanner]:
    """The same office after its daemon was killed."""
    await scanner.office.journal.close()
    office = await opened(tmp_path)
    yield scanner_at(office, scanner.path)
    await office.journal.close()


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
