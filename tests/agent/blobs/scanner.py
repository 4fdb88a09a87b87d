"""An office whose scanner puts its files into a watched folder."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.blobs.folder import BlobFolder
from agent.blobs.scan_folder import ScanFolder
from agent.noticed import Noticed
from agent.result import Result
from agent.scans import STILL_MS, Scans
from agent.views.scans import WaitingScan
from tests.agent.blobs.conftest import PDF, opened
from tests.agent.blobs.conftest import Scans as Office
from tests.agent.world import as_json


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
