"""What messages say of blobs, what answers do to them, and the client's half of tus."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

import pytest

from agent.blobs.folder import BlobFolder
from agent.blobs.tus import GrantOver, NotAsked, TusClient, UploadCut
from agent.blobs.uploader import Uploader
from agent.journal import Transaction
from agent.sync.blobs import NoUploads, Uploads
from agent.sync.meter import days
from agent.sync.saving import Saving
from agent.sync.thrift import Rules
from agent.views import documents
from agent.views.documents import WaitingBlob
from tests.agent.blobs.conftest import Scans
from wire.chain import Head
from wire.plaintext import BlobState, Down

NOWHERE = Head(0, bytes(32))


def down(**members: Any) -> Down:
    usual: dict[str, Any] = {
        "re": bytes(32), "office": bytes(16), "journal": bytes(16), "receipt": NOWHERE,
        "verdict": "ok", "turn": bytes(8), "desk": bytes(16), "desk_head": NOWHERE, "now": 0,
        "codecs": (0,), "next_after": 1,
    }  # fmt: skip
    return Down(**(usual | members))


async def captured(scans: Scans, count: int = 1) -> list[WaitingBlob]:
    for number in range(count):
        path = scans.files / f"{number}.pdf"
        path.write_bytes(b"%PDF-" + bytes([number]) * (70_000 - number * 100))
        await scans.attach(path, f"{number}")
    return await scans.journal.read(lambda conn: documents.waiting(conn, 99, delivered=False))


async def test_a_device_names_the_next_few_until_it_has_a_grant(scans: Scans) -> None:
    waiting = await captured(scans, 6)
    assert [blob.size for blob in waiting] == sorted(blob.size for blob in waiting)
    uploads = Uploads()
    named = await scans.journal.read(uploads.names)
    assert named == tuple(BlobState(blob.blob_id, 0, blob.size) for blob in waiting[:4])
    uploads.answered(named, down(wanted=(waiting[0].blob_id,), grant=b"g"))
    assert (uploads.grant, uploads.news.is_set()) == (b"g", True)
    assert await scans.journal.read(uploads.names) == ()


async def test_what_was_sent_whole_is_asked_about_and_then_there(scans: Scans) -> None:
    (blob,) = await captured(scans)
    uploads, asked = Uploads(), []
    uploads.ask = lambda: asked.append(1)
    uploads.note_sent(blob)
    named = await scans.journal.read(uploads.names)
    assert (named, asked) == ((BlobState(blob.blob_id, blob.size, blob.size),), [1])
    assert uploads.is_asking(())
    assert not uploads.is_asking(named)
    for answer in (
        down(stale=True), down(verdict="gap"), down(wanted=(blob.blob_id,)),
    ):  # fmt: skip
        await _apply(scans, named, answer)
        assert await scans.documents.waiting() == 1
    await _apply(scans, named, down())
    uploads.answered(named, down())
    assert await scans.documents.waiting() == 0
    assert not uploads.sent
    assert (await scans.shown())[0].delivery == "waiting"  # its event is not delivered yet
    await _apply(scans, (), down(wanted=(blob.blob_id,)))
    assert await scans.documents.waiting() == 1


async def test_what_was_sent_is_asked_about_even_when_nothing_waits(scans: Scans) -> None:
    uploads = Uploads()
    uploads.sent[bytes(32)] = 9
    named = await scans.journal.read(uploads.names)
    assert named == (BlobState(bytes(32), 9, 9),)
    assert not uploads.is_asking(named)


async def test_what_was_not_sent_whole_is_never_there(scans: Scans) -> None:
    (blob,) = await captured(scans)
    await _apply(scans, (BlobState(blob.blob_id, 9, blob.size),), down())
    assert await scans.documents.waiting() == 1


async def test_a_journal_without_documents_says_nothing(scans: Scans) -> None:
    (blob,) = await captured(scans)
    quiet = NoUploads()
    assert await scans.journal.read(quiet.names) == ()
    named = (BlobState(blob.blob_id, blob.size, blob.size),)
    await scans.journal.write(lambda transaction: quiet.apply(transaction, named, down()))
    assert await scans.documents.waiting() == 1


def test_without_wanted_blobs_an_answer_leaves_the_grant_alone() -> None:
    uploads = Uploads()
    uploads.answered((), down(wanted=(bytes(32),), grant=b"g"))
    uploads.answered((), down())
    assert uploads.grant == b"g"
    uploads.answered((), down(wanted=(bytes(32),)))
    assert uploads.grant is None


async def _apply(scans: Scans, named: tuple[BlobState, ...], answer: Down) -> None:
    def job(transaction: Transaction) -> None:
        Uploads.apply(transaction, named, answer)

    await scans.journal.write(job)


@contextlib.asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[TusClient]:
    """A client of a server that answers so, one request after the other, and then closes."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        for line in head.decode().lower().splitlines():
            if line.startswith("content-length:"):
                await reader.readexactly(int(line.split(":")[1]))
        writer.write(left.pop(0))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = TusClient(
        f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", ssl.create_default_context()
    )
    async with server:
        yield client
        await client.close()


def said(status: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Length: 0", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


TUS = "Tus-Resumable: 1.0.0"
Call = Callable[[TusClient], Any]


@pytest.mark.parametrize(
    ("answer", "call", "error"),
    [
        (b"", lambda c: c.offset(b"g", bytes(32)), UploadCut),
        (said("200 OK", "Upload-Offset: 9"), lambda c: c.offset(b"g", bytes(32)), UploadCut),
        (said("200 OK", TUS), lambda c: c.offset(b"g", bytes(32)), UploadCut),
        (said("200 OK", TUS, "Upload-Offset: x"), lambda c: c.offset(b"g", bytes(32)), UploadCut),
        (said("401 No", TUS), lambda c: c.offset(b"g", bytes(32)), GrantOver),
        (said("403 No", TUS), lambda c: c.create(b"g", bytes(32), 1), GrantOver),
        (said("404 No", TUS), lambda c: c.create(b"g", bytes(32), 1), NotAsked),
        (said("404 No", TUS), lambda c: c.add(b"g", bytes(32), 0, b"x"), UploadCut),
        (said("409 No", TUS), lambda c: c.add(b"g", bytes(32), 0, b"x"), UploadCut),
        (said("302 Found", "Location: /login"), lambda c: c.offset(b"g", bytes(32)), UploadCut),
    ],
)
async def test_whatever_answers_only_makes_the_device_wait(
    answer: bytes, call: Call, error: type[Exception]
) -> None:
    async with answering(answer) as client:
        with pytest.raises(error):
            await call(client)


async def test_where_an_upload_is_the_server_says() -> None:
    offset = said("200 OK", TUS, "Upload-Offset: 9")
    async with answering(said("404 No", TUS), offset) as client:
        assert await client.offset(b"g", bytes(32)) is None
        assert await client.offset(b"g", bytes(32)) == 9


class FakeTus:
    """A province's uploads in memory; what `fails` holds is raised first, one a call."""

    def __init__(self) -> None:
        self.held: dict[bytes, bytearray] = {}
        self.fails: list[Exception] = []
        self.calls: list[tuple[str, int]] = []
        self.moved: Callable[[int], None] = lambda _count: None

    async def offset(self, _grant: bytes, blob_id: bytes) -> int | None:
        self._fail()
        return len(self.held[blob_id]) if blob_id in self.held else None

    async def create(self, _grant: bytes, blob_id: bytes, _size: int) -> int:
        self.held[blob_id] = bytearray()
        return 0

    async def add(self, _grant: bytes, blob_id: bytes, offset: int, data: bytes) -> int:
        self.calls.append((blob_id.hex()[:4], len(data)))
        self._fail()
        self.moved(len(data))
        self.held[blob_id][offset:] = data
        return len(self.held[blob_id])

    async def close(self) -> None: ...

    def _fail(self) -> None:
        if self.fails:
            raise self.fails.pop(0)


@contextlib.asynccontextmanager
async def uploading(
    scans: Scans, fake: FakeTus, uploads: Uploads, rules: Rules | None = None
) -> AsyncIterator[Saving]:
    """Let an uploader run; the journal counts as delivered."""

    def deliver(transaction: Transaction) -> None:
        transaction.set_delivered(transaction.head, 1)

    await scans.journal.write(deliver)
    line = asyncio.Event()
    line.set()  # a line that always has news makes nobody wait
    saving = Saving(scans.clock, rules)
    uploader = Uploader(
        scans.journal,
        BlobFolder(scans.blobs, 0),
        fake,  # type: ignore[arg-type]
        uploads,
        is_well=lambda: True,
        line_news=lambda: line,
        goodput_bytes_s=lambda: 4_000,
        random=Random(1),
        saving=saving,
    )
    running = asyncio.create_task(uploader.run())
    try:
        yield saving
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def all_sent(uploads: Uploads, count: int) -> None:
    async with asyncio.timeout(20):
        while len(uploads.sent) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_cut_costs_one_request_at_most(scans: Scans) -> None:
    (blob,) = await captured(scans)
    fake, uploads = FakeTus(), Uploads()
    fake.fails = [UploadCut("dns"), UploadCut("cut")]
    uploads.grant = b"g"
    async with uploading(scans, fake, uploads):
        await all_sent(uploads, 1)
    assert (
        bytes(fake.held[blob.blob_id]) == (scans.blobs / f"{blob.blob_id.hex()}.blob").read_bytes()
    )
    pieces = [size for _, size in fake.calls]
    assert max(pieces) == 4_000 * 8
    assert sum(pieces) <= blob.size + 4_000 * 8


async def test_the_smallest_goes_first_and_a_damaged_one_stops_nobody(scans: Scans) -> None:
    waiting = await captured(scans, 3)
    (scans.blobs / f"{waiting[0].blob_id.hex()}.blob").write_bytes(b"damaged")
    fake, uploads = FakeTus(), Uploads()
    uploads.grant = b"g"
    async with uploading(scans, fake, uploads):
        await all_sent(uploads, 2)
    order = list(dict.fromkeys(name for name, _ in fake.calls))
    assert order == [blob.blob_id.hex()[:4] for blob in waiting[1:]]


async def test_what_the_province_has_needs_no_file_here(scans: Scans) -> None:
    (blob,) = await captured(scans)
    file = scans.blobs / f"{blob.blob_id.hex()}.blob"
    fake, uploads = FakeTus(), Uploads()
    fake.held[blob.blob_id] = bytearray(file.read_bytes())
    file.unlink()
    uploads.grant = b"g"
    async with uploading(scans, fake, uploads):
        await all_sent(uploads, 1)
    assert fake.calls == []


async def test_a_grant_that_is_over_is_asked_for_again(scans: Scans) -> None:
    await captured(scans)
    fake, uploads, asked = FakeTus(), Uploads(), asyncio.Event()
    fake.fails = [GrantOver()]
    uploads.grant = b"g"
    uploads.ask = asked.set
    async with uploading(scans, fake, uploads):
        async with asyncio.timeout(20):
            await asked.wait()
        assert not uploads.grant
        uploads.answered((), down(wanted=(bytes(32),), grant=b"h"))
        await all_sent(uploads, 1)


async def test_over_the_cap_documents_wait_in_the_middle_until_a_person_asks(scans: Scans) -> None:
    (blob,) = await captured(scans)
    fake, uploads = FakeTus(), Uploads()
    uploads.grant = b"g"
    async with uploading(scans, fake, uploads, Rules(day_bytes_max=80_000)) as saving:
        fake.moved = saving.meter.add
        async with asyncio.timeout(20):
            while saving.meter.owes or saving.lets_go(urgent=False):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        assert sum(size for _, size in fake.calls) == 64_000 < blob.size
        (counted,) = (await scans.journal.read(days)).values()
        assert counted == 64_000
        saving.asked()
        uploads.news.set()
        await all_sent(uploads, 1)
