"""What the stories about the local door stand on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import httpx
from litestar.types import ASGIApp

from agent.blobs.folder import BlobFolder
from agent.documents import Documents
from agent.journal import Journal
from agent.mounts import Mount
from agent.noticed import Noticed
from agent.scans import Scans
from agent.service import Service
from agent.sticks import Exported, Fate, Sticks
from agent.views.projector import Views
from agent.web.app import create_web
from agent.web.parts import Parts
from agent.web.readings import Readings
from agent.web.serve import Listeners, serve
from agent.web.shapes import DeviceShape
from agent.web.sockets import listen_tcp, listen_unix
from agent.web.subscribers import Subscribers
from records.present import ProblemItem
from tests.agent.web.rooms import make_board, make_users
from tests.agent.world import IDENTITY, KEY, PERSON_KEY, FakeClock, stock
from wire.problems import Refusal

HOSTNAME = "motcua.local"
CLERK = ("lan.nt", "135790")
SUPERVISOR = ("minh.tv", "246801")
TECHNICIAN = ("duc.lv", "975310")
TOKEN = "made-up-report-token"

RECEIVE: dict[str, Any] = {
    "type": "dossier.receive",
    "procedure_code": "1.001193",
    "channel": "direct",
    "return_channel": "direct",
    "applicant": {
        "full_name": "Nguyễn Thị Ngọc Hà",
        "id_number": "001184000017",
        "phone": "0912345678",
        "address": "Thôn 1, xã Ứng Hòa, thành phố Hà Nội",
    },
    "documents": [{"name": "Tờ khai", "copies": 1, "original": True}],
}
CHECK_IN: dict[str, Any] = {
    "type": "visit.check_in",
    "visitor": {"full_name": "Lê Văn An", "id_number": "001085000001", "phone": "0912345679"},
    "purpose": "Nộp hồ sơ",
    "method": "id_card_qr",
    "temperature_c": 36.6,
    "symptoms": [],
}


@dataclass
class Office:
    """The door, and what is behind it."""

    parts: Parts
    clock: FakeClock
    socket: Path
    port: int
    stop: asyncio.Event
    synced: list[int]
    mounted: list[Mount]

    @property
    def journal(self) -> Journal:
        return self.parts.journal

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def through_socket(self, **options: Any) -> httpx.AsyncClient:
        """A client on the Unix socket."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.socket))
        return httpx.AsyncClient(transport=transport, base_url="http://agent", **options)

    def browser(self, **options: Any) -> httpx.AsyncClient:
        """A client on TCP that has not signed in."""
        return httpx.AsyncClient(base_url=self.url, **options)

    @contextlib.asynccontextmanager
    async def signed_in(
        self, who: tuple[str, str] = CLERK, counter: int = 0
    ) -> AsyncIterator[httpx.AsyncClient]:
        """A client on TCP with a session, and its CSRF token in every call."""
        async with self.browser() as client:
            form = {"user": who[0], "pin": who[1], "counter": str(counter or "")}
            answer = await client.post("/login", data=form)
            assert answer.status_code == 303, answer.text
            client.headers["x-csrf-token"] = (await client.get("/api/session")).json()["csrf"]
            yield client


@contextlib.asynccontextmanager
async def open_office(directory: Path, random: Random) -> AsyncIterator[Office]:
    """Open the office in `directory`; everything in it is closed at the end."""
    clock, views = FakeClock(), Views(PERSON_KEY)
    journal = await Journal.open(
        directory / "journal.db", KEY, identity=IDENTITY, projector=views, clock=clock
    )
    synced: list[int] = []
    mounted: list[Mount] = []
    try:
        parts = await make_parts(journal, views, clock, random, synced, mounted)
        path = directory / "run" / "agent.sock"
        async with served(create_web(parts, keep_alive_s=0.05), path) as (port, stop):
            yield Office(parts, clock, path, port, stop, synced, mounted)
    finally:
        await journal.close()


async def make_parts(
    journal: Journal,
    views: Views,
    clock: FakeClock,
    random: Random,
    synced: list[int],
    mounted: list[Mount],
) -> Parts:
    """The rooms behind the door; what a story puts into `mounted` is plugged in."""
    await journal.write(stock)
    folder = BlobFolder(journal.path.parent / "blobs", 0)
    documents = Documents(journal, folder, random.randbytes)
    await documents.prepare(stale=False)
    service = Service(
        journal, views, clock, random.randbytes, believe=clock.confirm, documents=documents
    )

    async def report() -> Any:
        return {"office": "H26.107", "head_seq": journal.head.seq}

    async def rebuild() -> int:
        return journal.head.seq

    async def backup(path: str) -> int:
        return len(path)

    async def prove() -> bool:
        return False

    users = [(*CLERK, "clerk"), (*SUPERVISOR, "supervisor"), (*TECHNICIAN, "technician")]
    problems: Subscribers[ProblemItem] = Subscribers()
    noticed = Noticed(clock.now_ms, clock.mono_ms, problems.tell)
    return Parts(
        service=service,
        documents=documents,
        scans=Scans(journal, folder, None, clock=clock, noticed=noticed, random=random.randbytes),
        journal=journal,
        board=make_board(journal, clock, noticed),
        users=await make_users(journal, random, users),
        clock=clock,
        random=random.randbytes,
        readings=Readings(random.randbytes(32)),
        office_code="H26.107",
        sync_now=lambda: synced.append(1),
        devices=lambda: [DeviceShape("door", "barcode", "ready", 12)],
        report_token=lambda: TOKEN,
        sync_report=report,
        rebuild=rebuild,
        backup=backup,
        prove=prove,
        export=never_export,
        take_answer=never_take,
        sticks=Sticks(lambda: mounted, export_note, take_note),
        noticed=noticed,
        problems=problems,
    )


async def never_export(_after: int | None) -> Exported:
    """An office that is not enrolled has nothing to put on a stick."""
    raise Refusal("not-enrolled")


async def never_take(_body: bytes) -> Fate:
    """Nor to take from one."""
    raise Refusal("not-enrolled")


class Note(NamedTuple):
    """A message of a made-up office: two of them hold all that waits."""

    message: bytes
    last: int
    more: bool


async def export_note(after: int | None) -> Exported:
    """Two messages, the second behind the first."""
    return Note(b"message", 1, True) if after is None else Note(b"message", 2, False)


async def take_note(body: bytes) -> Fate:
    """An answer says what becomes of it."""
    if body == b"forged":
        raise Refusal("answer-forged")
    return "foreign" if body == b"foreign" else "taken"


@contextlib.asynccontextmanager
async def served(app: ASGIApp, path: Path) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """Serve on a Unix socket and a free port until the block ends."""
    stop, ready = asyncio.Event(), asyncio.Event()
    unix, tcp = listen_unix(path, own_directory=True), listen_tcp("127.0.0.1:0")
    port = tcp.getsockname()[1]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            serve(app, Listeners(unix, tcp), hostname=HOSTNAME, stop=stop, ready=ready)
        )
        await ready.wait()
        try:
            yield port, stop
        finally:
            stop.set()
