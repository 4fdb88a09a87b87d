"""A connection that is reset after K bytes, for K all over an exchange and all over a document.

Everything arrives exactly once, and a reset costs what had gone of that one message and no more:
of a document next to nothing, because an upload goes on where it stood. `COMMUNE_DENSE=1` takes
small steps (some minutes); the usual steps are odd, so that runs do not fall on edges alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select

from agent.blobs.folder import BlobFolder
from agent.blobs.tus import TusClient
from agent.blobs.uploader import Uploader
from agent.journal import Journal, Transaction
from agent.sync.blobs import Uploads
from agent.sync.first import adopt_first_answer
from agent.sync.http import HttpTransport
from agent.sync.saving import Saving
from agent.sync.tls import client_context
from agent.sync.transport import ExchangeError, Reply
from agent.views.documents import WaitingBlob
from records import synthetic_journal
from server import projections
from server.context import ServerContext
from server.store.tables import blob
from tests.agent.sync import test_real_province
from tests.agent.sync.conftest import Shown, TestClock
from tests.agent.sync.test_real_province import Province, enrol, journal_at, settle, syncing
from tests.agent.sync.test_real_province import province as province  # noqa: PLC0414 - the fixture
from tests.chaos.link import CLEAN, Fault, Link
from tests.server.blob_story import sealed, state, told_of
from tests.server.province import Device, FakeClock, make_config, new_device, open_province
from tests.server.test_http import served
from wire import event as wire_event

DENSE = os.environ.get("COMMUNE_DENSE") == "1"
RECORDS = 150
EXCHANGE_STEP = 37 if DENSE else 467
RECONNECT_BYTES = 600
"""Head of the second request and its answer's, which the first had too; no TLS on this line."""
DOCUMENT_BYTES = 4 << 20
DOCUMENT_STEP = 40_009 if DENSE else 600_043
DOCUMENT_MAX = 1.05
UNDER_WAY_BYTES = 8 << 10
"""A slow line has next to nothing on its way at a time; loopback would have all of a document."""
pytestmark = pytest.mark.slow


def once_after(link: Link, count: int) -> Callable[[], Fault]:
    """Reset the next connection after `count` bytes upwards, and no other."""
    before = link.struck

    def fault() -> Fault:
        return CLEAN if link.struck > before else Fault(reset_after=count)

    return fault


def renew(link: Link) -> None:
    """Reset what is open, so that the next thing that is sent needs a new connection."""
    link.cut()
    link.restore()


@pytest.fixture
def line(province: Province) -> Iterator[Link]:
    with Link(int(province.url.rpartition(":")[2])) as link:
        yield link


async def recorded(journal: Journal, events: Iterator[bytes], count: int) -> None:
    """Record the next `count` events of a made-up office in one transaction."""

    def append(transaction: Transaction, event: wire_event.Event) -> None:
        transaction.append(event)

    jobs = [partial(append, event=wire_event.decode(next(events))) for _ in range(count)]
    await journal.write_many(jobs)


@dataclass
class Round:
    """One reset in one exchange: after how many bytes, and what was sent for it in all."""

    cut: int
    sent: int
    clean: int

    @property
    def is_frugal(self) -> bool:
        """Whether it cost no more than what had gone of that message."""
        return self.sent <= self.clean * 1.1 + self.cut + RECONNECT_BYTES


async def exchanged(province: Province, line: Link, folder: Path, step: int) -> list[Round]:
    """Deliver records with a reset at each place of their message; all arrive, once."""
    enrolled, answer = await enrol(province, folder / "keys")
    events = iter(synthetic_journal.events(1, 40_000 if DENSE else 6_000))
    rounds: list[Round] = []
    async with journal_at(folder / "journal.db", enrolled) as journal:
        await adopt_first_answer(journal, enrolled, answer)
        async with syncing(journal, enrolled, line.url, Shown()) as syncer:

            async def sent() -> int:
                before = line.up_bytes
                await recorded(journal, events, RECORDS)
                await settle(journal, syncer)
                return line.up_bytes - before

            await sent()  # the first message is a full one
            clean = [await sent() for _ in range(3)]
            for cut in range(1, min(clean), step):
                renew(line)
                struck = line.struck
                line.fail_with(once_after(line, cut))
                rounds.append(Round(cut, await sent(), max(clean)))
                assert line.struck == struck + 1, f"nothing was reset after {cut} B"
        assert journal.backlog_events == 0
        head = journal.head
    taken = [event.seq for event in province.seen.events]
    assert taken == list(range(1, head.seq + 1))
    return rounds


async def test_a_reset_anywhere_in_an_exchange_costs_that_one_message(
    province: Province, line: Link, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds = await exchanged(province, line, tmp_path, EXCHANGE_STEP)
    ratios = [each.sent / each.clean for each in rounds]
    mean, worst = sum(ratios) / len(ratios), max(ratios)
    with capsys.disabled():
        print(f"\nexchange: {len(ratios)} resets, {mean:.2f} of its bytes each, worst {worst:.2f}")
    assert [each for each in rounds if not each.is_frugal] == []


class Wasteful(HttpTransport):
    """The control: a carrier that sends a message twice after a reset, to be safe."""

    was_reset = False

    async def post(self, message: bytes) -> Reply:
        """Send it; once more if the one before did not get through."""
        try:
            if self.was_reset:
                self.was_reset = False
                await super().post(message)
            return await super().post(message)
        except ExchangeError:
            self.was_reset = True
            raise


async def test_a_carrier_that_sends_twice_fails_the_same_measure(
    province: Province, line: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_real_province, "HttpTransport", Wasteful)
    rounds = await exchanged(province, line, tmp_path, 2_003)
    assert rounds
    assert not any(each.is_frugal for each in rounds)


class Waiting:
    """In the journal's place: what waits is the one document of this round."""

    backlog_events = 0

    def __init__(self, blob: WaitingBlob) -> None:
        self._blob = blob

    async def read(self, _query: object) -> list[WaitingBlob]:
        """Return it."""
        return [self._blob]


async def sent(folder: Path, url: str, grant: bytes, data: bytes, kind: type[TusClient]) -> None:
    """Let the office's uploader send a document until the province took its last byte."""
    blobs, uploads, news = BlobFolder(folder, 0), Uploads(), asyncio.Event()
    blob_id = hashlib.sha256(data).digest()
    await asyncio.to_thread((folder / f"{blob_id.hex()}.blob").write_bytes, data)
    uploads.grant = grant
    done = asyncio.Event()
    uploads.ask = done.set
    news.set()
    waiting: Any = Waiting(WaitingBlob(blob_id, len(data), False))
    uploader = Uploader(
        waiting,
        blobs,
        kind(url, client_context()),
        uploads,
        is_well=lambda: True,
        line_news=lambda: news,
        goodput_bytes_s=lambda: 1_000_000,
        random=Random(1),
        saving=Saving(TestClock()),
    )
    running = asyncio.create_task(uploader.run())
    async with asyncio.timeout(30):
        await done.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


class Forgetful(TusClient):
    """The control: a client that begins anew after a cut."""

    async def offset(self, _grant: bytes, _blob_id: bytes) -> int | None:
        """Never know of anything that is there."""
        return None


@dataclass
class Site:
    """A province on the network, a device of it, and the line between."""

    ctx: ServerContext
    device: Device
    link: Link

    async def held(self) -> int:
        async with self.ctx.store.read() as conn:
            return (await conn.execute(select(func.count()).select_from(blob))).scalar_one()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    ctx = await open_province(make_config(tmp_path), FakeClock(), projections.project)
    try:
        device = await new_device(ctx)
        async with served(ctx, receive_bytes=UNDER_WAY_BYTES) as door:
            with Link(door.port, send_bytes=UNDER_WAY_BYTES) as link:
                yield Site(ctx, device, link)
    finally:
        await ctx.store.close()


async def swept(site: Site, folder: Path, step: int, kind: type[TusClient]) -> float:
    """Send a document for each place of a reset; return bytes sent over bytes of documents."""
    link = site.link
    total, size, first = 0, 0, len(site.device.events) + 1
    for number, cut in enumerate(range(1, DOCUMENT_BYTES, step)):
        data = sealed(Random(number).randbytes(DOCUMENT_BYTES))
        told_of(site.device, data, DOCUMENT_BYTES)
        down = await site.device.sync(first, blobs=(state(0, data),))
        assert down.grant is not None
        first = len(site.device.events) + 1
        before = link.up_bytes
        link.fail_with(once_after(link, cut))
        await sent(folder, link.url, down.grant, data, kind)
        total, size = total + link.up_bytes - before, size + len(data)
    return total / size


async def test_a_reset_anywhere_in_a_document_costs_next_to_nothing(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ratio = await swept(site, made(tmp_path / "blobs"), DOCUMENT_STEP, TusClient)
    struck = site.link.struck
    with capsys.disabled():
        print(f"\ndocument: {struck} resets, {ratio:.3f} of its bytes")
    assert struck == len(range(1, DOCUMENT_BYTES, DOCUMENT_STEP))
    assert await site.held() == struck
    assert ratio <= DOCUMENT_MAX


async def test_a_client_that_begins_anew_fails_the_same_measure(site: Site, tmp_path: Path) -> None:
    ratio = await swept(site, made(tmp_path / "blobs"), DOCUMENT_BYTES // 3, Forgetful)
    assert await site.held() == site.link.struck == 3
    assert ratio > DOCUMENT_MAX
