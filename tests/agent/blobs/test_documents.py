"""Documents of an office: captured before they are told of, opened with no line."""

import asyncio
import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agent.blobs.folder import BlobFolder
from agent.documents import Documents
from agent.journal import Transaction
from agent.views import documents
from agent.views.rebuild import rebuild
from tests.agent.blobs.conftest import PDF, Scans, opened
from tests.agent.world import as_json
from wire.blob import sealed_bytes
from wire.limits import BLOB_PLAIN_BYTES_MAX
from wire.problems import Malformed, Refusal

ROOT = Path(__file__).parents[3]


async def test_a_file_becomes_a_document_that_opens_again(scans: Scans) -> None:
    result = await scans.attach(scans.files / "scan.pdf")
    (shown,) = await scans.shown()
    assert (result.book, shown.name, shown.bytes) == ("1/1", "Tờ khai", len(PDF))
    assert (shown.media_type, shown.delivery) == ("application/pdf", "waiting")
    assert await scans.read_back(str(shown.id)) == PDF
    (blob,) = scans.blobs.iterdir()
    assert blob.name == f"{shown.id}.blob"
    assert blob.stat().st_size == sealed_bytes(len(PDF))
    assert b"%PDF" not in blob.read_bytes()
    assert blob.stat().st_mode & 0o077 == 0


async def test_the_same_file_is_kept_once(scans: Scans) -> None:
    for name in ("Tờ khai", "Bản sao"):
        await scans.attach(scans.files / "scan.pdf", name)
    first, second = await scans.shown()
    assert first.id == second.id
    assert scans.names() == [".blob"]


async def test_the_same_file_is_kept_anew_when_the_older_blob_is_damaged(scans: Scans) -> None:
    await scans.attach(scans.files / "scan.pdf")
    (blob,) = scans.blobs.iterdir()
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(data)
    await scans.attach(scans.files / "scan.pdf", "Quét lại")
    newest = (await scans.shown())[-1]
    assert await scans.read_back(str(newest.id)) == PDF
    blob.unlink()
    await scans.attach(scans.files / "scan.pdf", "Quét nữa")
    assert (await scans.shown())[-1].id != blob.stem


async def test_a_key_sent_again_gets_the_first_answer_and_leaves_nothing(scans: Scans) -> None:
    first = await scans.attach(scans.files / "scan.pdf", key="k1")
    again = await scans.attach(scans.files / "scan.pdf", key="k1")
    assert again.seq == first.seq
    assert len(await scans.shown()) == 1
    assert scans.names() == [".blob"]


async def test_a_refused_command_leaves_no_blob(scans: Scans) -> None:
    with pytest.raises(Refusal) as refused:
        await scans.attach(scans.files / "scan.pdf", dossier="2026/1/99")
    assert refused.value.code == "dossier-unknown"
    assert scans.names() == []


@pytest.mark.parametrize("end", ["cancelled", "disk-failed", "many"])
async def test_a_commit_in_doubt_keeps_the_blob_for_the_next_start(
    scans: Scans, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def in_doubt(_job: object) -> object:
        if end == "cancelled":
            raise asyncio.CancelledError
        raise Refusal("disk-failed")

    with monkeypatch.context() as patch:
        patch.setattr(scans.journal, "write_many" if end == "many" else "write", in_doubt)
        expected = asyncio.CancelledError if end == "cancelled" else Refusal
        command = {"type": "document.attach", "dossier": "2026/1/1", "name": "Tờ khai"}
        line = as_json(command | {"path": str(scans.files / "scan.pdf")})
        with pytest.raises(expected):
            await (
                scans.service.submit_many([(line, None)])
                if end == "many"
                else scans.service.submit_line(line, None)
            )
    assert scans.names() == [".new"]
    await scans.documents.prepare(stale=False)
    assert scans.names() == []


async def test_a_blob_that_cannot_be_renamed_opens_all_the_same(
    scans: Scans, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: BlobFolder, _blob_id: str) -> None:
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patch:
        patch.setattr(BlobFolder, "keep", broken)
        await scans.attach(scans.files / "scan.pdf")
    (shown,) = await scans.shown()
    assert scans.names() == [".new"]
    assert await scans.read_back(str(shown.id)) == PDF
    await scans.documents.prepare(stale=False)
    assert scans.names() == [".blob"]


@pytest.mark.parametrize("what", ["missing", "link", "folder", "pipe", "socket", "own", "through"])
async def test_only_ordinary_files_of_others_are_documents(
    scans: Scans, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scans.files / what
    if what == "link":
        path.symlink_to(scans.files / "scan.pdf")
    elif what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "socket":
        monkeypatch.chdir(scans.files)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(what)
    elif what == "own":
        path = scans.data / "journal.db"
    elif what == "through":
        path.symlink_to(scans.data)
        path /= "journal.db"
    with pytest.raises(Refusal) as refused:
        await scans.attach(path)
    assert refused.value.code == "document-unreadable"
    assert scans.names() == []


@pytest.mark.parametrize("path", ["scan.pdf", "/dev/zero", "/proc/self/mem"])
async def test_a_relative_path_or_a_device_is_refused(scans: Scans, path: str) -> None:
    with pytest.raises(Refusal) as refused:
        await scans.attach(Path(path))
    assert refused.value.code == "document-unreadable"


async def test_who_is_signed_in_names_no_path(scans: Scans) -> None:
    command = {"type": "document.attach", "dossier": "2026/1/1", "name": "Tờ khai"}
    line = as_json(command | {"path": str(scans.files / "scan.pdf")})
    with pytest.raises(Refusal) as refused:
        await scans.service.submit_line(line, "lan.nt")
    assert refused.value.code == "document-by-upload"


async def test_in_a_stream_each_file_answers_for_itself(scans: Scans) -> None:
    def line(path: str, name: str) -> tuple[bytes, None]:
        command = {"type": "document.attach", "dossier": "2026/1/1", "name": name}
        return as_json(command | {"path": str(scans.files / path)}), None

    (scans.files / "again.pdf").write_bytes(PDF)
    items = [line("scan.pdf", "A"), line("none.pdf", "B"), line("again.pdf", "C"), (b"{", None)]
    answers = await scans.service.submit_many(items)
    codes = [answer.code if isinstance(answer, Refusal) else "" for answer in answers]
    assert codes[1::2] == ["document-unreadable", "not-json"]
    assert [shown.name for shown in await scans.shown()] == ["A", "C"]
    assert scans.names() == [".blob"]


async def test_a_disk_in_reserve_takes_no_document(tmp_path: Path) -> None:
    office = await opened(tmp_path, reserve=1 << 60)
    with pytest.raises(Refusal) as refused:
        await office.attach(office.files / "scan.pdf")
    assert refused.value.code == "disk-full"
    assert office.names() == []
    await office.journal.close()


async def test_a_file_larger_than_any_document_is_refused(scans: Scans) -> None:
    assert BLOB_PLAIN_BYTES_MAX == 32 * (32 << 20)
    capture = await scans.documents.begin()
    piece = bytes(32 << 20)
    for _ in range(32):
        capture.write(piece)
        os.truncate(capture._part, 0)  # the test needs no gigabyte of disk
    with pytest.raises(Refusal) as refused:
        capture.write(b"x")
    capture.drop()
    assert refused.value.code == "too-large"
    assert scans.names() == []


async def test_a_damaged_blob_is_never_shown_as_something_else(scans: Scans) -> None:
    await scans.attach(scans.files / "scan.pdf")
    (blob,) = scans.blobs.iterdir()
    whole = blob.read_bytes()
    for at in (0, 70_000, len(whole) - 1):
        data = bytearray(whole)
        data[at] ^= 1
        blob.write_bytes(data)
        with pytest.raises((Refusal, Malformed)):
            await scans.read_back(blob.stem)
    for other in (whole[:-1], whole + b"\0"):
        blob.write_bytes(other)
        with pytest.raises(Refusal) as refused:
            await scans.documents.open(blob.stem)
        assert refused.value.code == "document-damaged"
    blob.unlink()
    with pytest.raises(Refusal):
        await scans.documents.open(blob.stem)


@pytest.mark.parametrize("name", ["b1" * 32, "", "../journal.db", "zz"])
async def test_what_is_no_document_is_unknown(scans: Scans, name: str) -> None:
    with pytest.raises(Refusal) as refused:
        await scans.documents.open(name)
    assert refused.value.code == "document-unknown"


async def test_a_start_finishes_or_removes_what_a_stop_left(scans: Scans, tmp_path: Path) -> None:
    await scans.attach(scans.files / "scan.pdf")
    (blob,) = scans.blobs.iterdir()
    told = blob.rename(blob.with_suffix(".new"))
    (scans.blobs / f"{'ab' * 32}.new").write_bytes(b"nobody tells of it")
    (scans.blobs / ".part-1").write_bytes(b"half")
    assert await scans.read_back(told.stem) == PDF
    assert await scans.documents.prepare(stale=True) == 1
    assert scans.names() == [".new", ".new"]
    assert await scans.documents.prepare(stale=False) == 1
    assert scans.names() == [".blob"]
    assert await scans.read_back(told.stem) == PDF


async def test_a_folder_that_cannot_be_made_keeps_nobody_from_recording(
    scans: Scans, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "later"
    in_the_way.write_bytes(b"a file, where the folder is to be")
    folder = BlobFolder(in_the_way, 0)
    documents = Documents(scans.journal, folder, os.urandom)
    assert await documents.prepare(stale=False) == 0
    with pytest.raises(Refusal) as refused:
        await documents.begin()
    assert refused.value.code == "disk-failed"
    in_the_way.unlink()
    (await documents.begin()).drop()
    assert in_the_way.is_dir()


async def test_a_rebuild_knows_the_same_documents(scans: Scans) -> None:
    await scans.attach(scans.files / "scan.pdf")
    query = "SELECT id, pos, bytes, urgent, waiting, file FROM document"
    before = await scans.journal.read(lambda conn: conn.execute(query).fetchall())
    await rebuild(scans.journal, scans.views, lambda _: None)
    assert await scans.journal.read(lambda conn: conn.execute(query).fetchall()) == before
    assert before[0][2:5] == (sealed_bytes(len(PDF)), 0, 1)


async def test_views_of_an_older_version_know_no_document_yet(scans: Scans) -> None:
    await scans.attach(scans.files / "scan.pdf")
    (shown,) = await scans.shown()
    blob_id = str(shown.id)

    def older(transaction: Transaction) -> None:
        transaction.conn.execute("DROP TABLE document")
        documents.set_wanted(transaction.conn, bytes(32))
        documents.set_arrived(transaction.conn, bytes(32), 1)

    await scans.journal.write(older)
    assert await scans.documents.waiting() == 0
    assert await scans.journal.read(lambda conn: documents.waiting(conn, 9)) == []
    assert not await scans.journal.read(lambda conn: documents.is_known(conn, blob_id))
    assert await scans.journal.read(lambda conn: documents.same_file(conn, "5a", 1)) is None
    with pytest.raises(Refusal):
        await scans.documents.open(blob_id)
    await rebuild(scans.journal, scans.views, lambda _: None)
    assert await scans.read_back(blob_id) == PDF


PROGRAM = """
import resource, sys
from pathlib import Path
from agent.blobs.capture import Capture
from agent.blobs.folder import BlobFolder
from agent.documents import Documents
from agent.blobs.opening import Opened
from records.documents import event_of
import os
folder = BlobFolder(Path(sys.argv[1]), 0)
folder.prepare(None)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
capture = Capture(folder, os.urandom)
piece = bytes(range(256)) * 4096
for _ in range(200):
    capture.write(piece)
captured = capture.finish()
opened = Opened(folder, event_of("x", captured))
size = 0
while data := opened.read():
    size += len(data)
print(size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_two_hundred_megabytes_pass_through_flat_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "blobs")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    size, more_kib = map(int, done.stdout.split())
    assert size == 200 << 20
    assert more_kib < 16 << 10
