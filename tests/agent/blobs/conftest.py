"""An office that takes documents, and files to take."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from agent.blobs.folder import BlobFolder
from agent.documents import Documents
from agent.journal import Journal
from agent.result import Result
from agent.service import Service
from agent.views import lists
from agent.views.projector import Views
from records.present import DocumentItem
from tests.agent.office import RECEIVE
from tests.agent.world import IDENTITY, KEY, PERSON_KEY, FakeClock, as_json, stock

PDF = b"%PDF-1.7 " + bytes(range(256)) * 700  # three chunks


@dataclass
class Scans:
    """An office with one dossier, and what it keeps its documents in."""

    journal: Journal
    views: Views
    clock: FakeClock
    documents: Documents
    service: Service
    data: Path
    blobs: Path
    files: Path

    async def attach(self, path: Path, name: str = "Tờ khai", **more: str) -> Result:
        command = {"type": "document.attach", "dossier": "2026/1/1", "name": name}
        return await self.service.submit_line(as_json(command | {"path": str(path)} | more), None)

    async def shown(self) -> tuple[DocumentItem, ...]:
        now_ms = self.clock.now_ms()
        found = await self.journal.read(
            lambda connection: lists.dossier_detail(connection, "2026/1/1", now_ms)
        )
        assert found is not None
        return found.documents

    async def read_back(self, blob_id: str) -> bytes:
        opened = await self.documents.open(blob_id)
        out = b""
        while piece := opened.read():
            out += piece
        opened.close()
        return out

    def names(self) -> list[str]:
        return sorted(path.suffix for path in self.blobs.iterdir())


async def opened(base: Path, *, reserve: int = 0) -> Scans:
    """Open the office in a folder, again if it is there."""
    data, clock, views = base / "data", FakeClock(), Views(PERSON_KEY)
    data.mkdir(exist_ok=True)
    journal = await Journal.open(
        data / "journal.db", KEY, identity=IDENTITY, projector=views, clock=clock
    )
    random = Random(str(base) + str(journal.head.seq)).randbytes
    folder = BlobFolder(data / "blobs", reserve)
    documents = Documents(journal, folder, random, forbidden=[data])
    await documents.prepare(stale=views.stale)
    service = Service(journal, views, clock, random, documents=documents)
    if journal.desk_head.seq == 0:
        await journal.write(stock)
        await service.submit_line(as_json(RECEIVE), None)
    files = base / "files"
    files.mkdir(exist_ok=True)
    (files / "scan.pdf").write_bytes(PDF)
    return Scans(journal, views, clock, documents, service, data, data / "blobs", files)


@pytest.fixture
async def scans(tmp_path: Path) -> AsyncIterator[Scans]:
    office = await opened(tmp_path)
    yield office
    await office.journal.close()
