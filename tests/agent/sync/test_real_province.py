"""An office and the real server, over a real socket: what only the real one can tell."""

import asyncio
import secrets
import shutil
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random

import httpx
import pytest
import uvicorn

from agent.journal import Journal, NoViews, succession
from agent.journal.verify import verify
from agent.keys import Enrolment, read_enrolment
from agent.sync.first import adopt_first_answer
from agent.sync.http import HttpTransport
from agent.sync.probe import connects
from agent.sync.shell import Syncer
from server.context import ServerContext
from server.enrolment import issue_ticket
from server.main import create_app
from server.offices import add_office
from tests.agent.sync.conftest import BOX, QuickDelays, Shown, TestClock, append_event
from tests.server.holdings import incidents
from tests.server.province import Seen, make_config, open_province
from wire import enrolment
from wire.keys import SealingKey, SigningKey
from wire.message import MEDIA_TYPE


def real_time() -> int:
    return time.time_ns() // 1_000_000


class Province:
    """The server of a province, listening on loopback."""

    def __init__(self, ctx: ServerContext, seen: Seen, url: str) -> None:
        self.ctx, self.seen, self.url = ctx, seen, url


@pytest.fixture
async def province(tmp_path: Path) -> AsyncIterator[Province]:
    seen = Seen()
    ctx = await open_province(make_config(tmp_path / "server"), real_time, seen)  # type: ignore[arg-type]
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(ctx), log_config=None, lifespan="on"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield Province(ctx, seen, f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        await serving
        listener.close()


async def enrol(province: Province, folder: Path) -> tuple[Enrolment, bytes]:
    """Go the whole way: ticket, request over HTTP, answer, key files, and read them back."""
    office = await add_office(province.ctx, "H26.107", "Xã Ứng Hòa", "10333")
    ticket = await issue_ticket(province.ctx, office, automatic=True)
    checked = enrolment.check_ticket(ticket, province.ctx.keys.province, real_time())
    seeds = {"device.key": secrets.token_bytes(32), "sealing.key": secrets.token_bytes(32)}
    keys = enrolment.DeviceKeys(SigningKey(seeds["device.key"]), SealingKey(seeds["sealing.key"]))
    journal = secrets.token_bytes(16)
    request = enrolment.build_request(checked, keys, box=BOX, journal=journal, name="Quầy 1")
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(
            f"{province.url}/v1/enrolments",
            params={"ticket": checked.ticket.ticket_id.hex()},
            headers={"Content-Type": MEDIA_TYPE},
            content=request,
        )
    assert response.status_code == 200, response.text
    accepted = enrolment.accept_answer(
        response.content, request=request, checked=checked, keys=keys, journal=journal
    )
    assert accepted.down.device is not None
    files = {
        **seeds,
        "journal.id": journal,
        "device.cose": accepted.down.device,
        "province.cose": province.ctx.keys.province,
    }
    await asyncio.to_thread(write, folder, files)
    enrolled = read_enrolment(folder)
    assert enrolled is not None
    return enrolled, response.content


def write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(mode=0o700, parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)


HELD = (
    "SELECT seq, body, id FROM event JOIN journal ON no = journal WHERE side = 'office'"
    " ORDER BY no, seq"
)
KEY = secrets.token_bytes(32)


@asynccontextmanager
async def journal_at(path: Path, enrolled: Enrolment) -> AsyncIterator[Journal]:
    journal = await Journal.open(
        path, KEY, identity=enrolled.identity, projector=NoViews(), clock=TestClock()
    )
    try:
        yield journal
    finally:
        await journal.close()


def make_syncer(
    journal: Journal, enrolled: Enrolment, url: str, shown: Shown, box: bytes = BOX
) -> Syncer:
    transport = HttpTransport(url)
    return Syncer(
        journal,
        enrolled,
        transport,
        box=box,
        clock=TestClock(),
        random=Random(1),
        show=shown.add,
        connect=partial(connects, *transport.address),
        fresh_bytes=secrets.token_bytes,
        delays=QuickDelays(),
    )


@asynccontextmanager
async def syncing(
    journal: Journal, enrolled: Enrolment, url: str, shown: Shown, *, box: bytes = BOX
) -> AsyncIterator[Syncer]:
    syncer = make_syncer(journal, enrolled, url, shown, box)
    task = asyncio.create_task(syncer.run())
    await shown.until(lambda: len(shown) > 0)
    try:
        yield syncer
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


async def record(journal: Journal, count: int, text: str = "") -> None:
    await journal.write_many([partial(append_event, number=n, text=text) for n in range(count)])


async def settle(journal: Journal, syncer: Syncer) -> None:
    async with asyncio.timeout(30):
        await syncer.settled()


async def test_an_office_restored_from_an_older_backup_gets_its_own_events_back(
    province: Province, tmp_path: Path
) -> None:
    enrolled, answer = await enrol(province, tmp_path / "keys")
    path, backup = tmp_path / "journal.db", tmp_path / "backup.db"
    shown = Shown()
    async with journal_at(path, enrolled) as journal:
        await adopt_first_answer(journal, enrolled, answer)
        await record(journal, 3)
    shutil.copy(path, backup)
    async with journal_at(path, enrolled) as journal:
        async with syncing(journal, enrolled, province.url, shown) as syncer:
            for _ in range(2):  # the second exchange shows a turn that the copy does not know
                await record(journal, 2)
                await settle(journal, syncer)
        before = await bodies(journal)
    shutil.copy(backup, path)
    async with journal_at(path, enrolled) as journal:
        async with syncing(journal, enrolled, province.url, shown) as syncer:
            async with asyncio.timeout(20):
                await journal.wait_beyond(6)
            assert await bodies(journal) == before
            await record(journal, 1)
            await settle(journal, syncer)
        assert journal.delivered == journal.head
        assert shown.code is None
    assert [event.seq for event in province.seen.events] == list(range(1, 9))
    assert await incidents(province.ctx) == ["device-restored"]


async def test_more_than_one_answer_holds_comes_back_in_parts(
    province: Province, tmp_path: Path
) -> None:
    enrolled, answer = await enrol(province, tmp_path / "keys")
    path, backup = tmp_path / "journal.db", tmp_path / "backup.db"
    shown = Shown()
    async with journal_at(path, enrolled) as journal:
        await adopt_first_answer(journal, enrolled, answer)
    shutil.copy(path, backup)
    async with journal_at(path, enrolled) as journal:
        noise = [secrets.token_hex(400) for _ in range(1_000)]  # 400 KB that do not compress
        await journal.write_many([partial(append_event, number=0, text=t) for t in noise])
        async with syncing(journal, enrolled, province.url, shown) as syncer:
            await settle(journal, syncer)
        head = journal.head
    shutil.copy(backup, path)
    async with journal_at(path, enrolled) as journal:
        async with syncing(journal, enrolled, province.url, shown) as syncer:
            async with asyncio.timeout(30):
                await journal.wait_beyond(999)
            await settle(journal, syncer)
        assert journal.head == journal.delivered == head


async def test_an_office_that_wrote_on_after_a_restore_goes_on_in_a_successor(
    province: Province, tmp_path: Path
) -> None:
    enrolled, answer = await enrol(province, tmp_path / "keys")
    path, backup = tmp_path / "journal.db", tmp_path / "backup.db"
    shown = Shown()
    async with journal_at(path, enrolled) as journal:
        await adopt_first_answer(journal, enrolled, answer)
        await record(journal, 3)
    shutil.copy(path, backup)
    async with journal_at(path, enrolled) as journal:
        await record(journal, 4)
        async with syncing(journal, enrolled, province.url, shown) as syncer:
            await settle(journal, syncer)
    shutil.copy(backup, path)
    async with journal_at(path, enrolled) as journal:
        await record(journal, 2, text="another")
        former = journal.marks.journal
        only_here = [raw for raw in await bodies(journal) if b"another" in raw]
        syncer = make_syncer(journal, enrolled, province.url, shown)
        async with asyncio.timeout(20):
            await syncer.run()  # it ends by itself: another journal follows
        assert (journal.head.seq, journal.delivered.seq) == (3, 0)
        assert journal.marks.journal != former
        assert journal.identity is not None
        followed = enrolled._replace(identity=journal.identity)
        async with syncing(journal, followed, province.url, shown) as syncer:
            await settle(journal, syncer)
            async with asyncio.timeout(20):
                while await journal.read(succession.wanted) is not None:
                    await journal.wait_change(journal.marks)
        assert journal.delivered == journal.head
        rows = await journal.read(lambda conn: conn.execute(HELD).fetchall())
        assert (await journal.read(verify)).damages == ()
    branch = [
        (event.seq, event.raw)
        for event in province.seen.events
        if event.seq and event.journal_id == former
    ]
    assert [row[:2] for row in rows if row[2] == former] == branch, "the province's, for reading"
    entered = [row[1] for row in rows if row[2] != former]
    assert [b'"again":' in raw for raw in entered] == [False, True, True]
    assert [raw.split(b'"again"')[0] for raw in entered[1:]] == [
        raw.split(b'"body"')[0] for raw in only_here
    ]
    assert await incidents(province.ctx) == ["fork"]


async def bodies(journal: Journal) -> list[bytes]:
    """The bytes of the office's own events."""
    query = "SELECT body FROM event JOIN journal ON no = journal WHERE side = 'office' ORDER BY seq"
    return await journal.read(lambda conn: [row[0] for row in conn.execute(query)])


async def test_a_box_that_changed_is_told_before_it_is_shown(
    province: Province, tmp_path: Path
) -> None:
    enrolled, answer = await enrol(province, tmp_path / "keys")
    path, shown = tmp_path / "journal.db", Shown()
    async with journal_at(path, enrolled) as journal:
        await adopt_first_answer(journal, enrolled, answer)
        async with syncing(journal, enrolled, province.url, shown) as syncer:
            await record(journal, 1)
            await settle(journal, syncer)
    moved = BOX[:8] + b"new disk" + b"new card"
    async with journal_at(path, enrolled) as journal:
        async with syncing(journal, enrolled, province.url, shown, box=moved) as syncer:
            await journal.wait_beyond(1)
            await settle(journal, syncer)
        told = (await bodies(journal))[-1]
    assert b'"kind":"device.changed"' in told
    assert b'"body":{"parts":["disk","net"]}' in told
    assert [event.kind for event in province.seen.events][-1] == "device.changed"
    assert await incidents(province.ctx) == ["box-changed"]


async def test_a_copy_restored_into_another_box_gets_its_events_back_before_it_tells(
    province: Province, tmp_path: Path
) -> None:
    enrolled, answer = await enrol(province, tmp_path / "keys")
    path, backup, shown = tmp_path / "journal.db", tmp_path / "backup.db", Shown()
    async with journal_at(path, enrolled) as journal:
        await adopt_first_answer(journal, enrolled, answer)
        async with syncing(journal, enrolled, province.url, shown) as syncer:
            await record(journal, 1)
            await settle(journal, syncer)
    shutil.copy(path, backup)
    async with (
        journal_at(path, enrolled) as journal,
        syncing(journal, enrolled, province.url, shown) as syncer,
    ):
        for _ in range(2):
            await record(journal, 2)
            await settle(journal, syncer)
    shutil.copy(backup, path)
    moved = bytes(24)
    async with journal_at(path, enrolled) as journal:
        async with syncing(journal, enrolled, province.url, shown, box=moved) as syncer:
            async with asyncio.timeout(20):
                await journal.wait_beyond(5)
            await settle(journal, syncer)
        assert (journal.marks.journal, journal.head.seq) == (enrolled.identity.journal, 6)
    assert sorted(await incidents(province.ctx)) == ["box-changed", "device-restored"]
