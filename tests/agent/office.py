"""A whole office below the web: journal, views, service, and what the province sent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from agent.journal import Journal
from agent.result import Result
from agent.service import Service
from agent.views.projector import Views
from tests.agent.world import IDENTITY, KEY, PERSON_KEY, FakeClock, as_json, stock


@dataclass
class Office:
    """What a story about the core has at hand."""

    journal: Journal
    views: Views
    service: Service
    clock: FakeClock

    async def do(self, **command: Any) -> Result:
        """Submit one command as clerk lan.nt."""
        return await self.service.submit_line(as_json(command), "lan.nt")

    async def receive(self, **changes: object) -> Result:
        """Receive a usual dossier."""
        return await self.do(**(RECEIVE | changes))

    async def check_in(self, **changes: object) -> Result:
        """Let a usual visitor in."""
        return await self.do(**(CHECK_IN | changes))


RECEIVE: dict[str, Any] = {
    "type": "dossier.receive", "procedure_code": "1.001193", "channel": "direct",
    "return_channel": "direct",
    "applicant": {
        "full_name": "Nguyễn Thị Ngọc Hà", "id_number": "001184000017", "phone": "0912345678",
    },
}  # fmt: skip
CHECK_IN: dict[str, Any] = {
    "type": "visit.check_in", "method": "id_card_qr",
    "visitor": {"full_name": "Lê Văn An", "id_number": "001085000001", "phone": "0912345679"},
}  # fmt: skip


@asynccontextmanager
async def opened(file: Path, clock: FakeClock, *, stocked: bool = True) -> AsyncIterator[Office]:
    """Open an office on `file`; a new one gets catalogue, calendar and lease."""
    views = Views(PERSON_KEY)
    journal = await Journal.open(file, KEY, identity=IDENTITY, projector=views, clock=clock)
    try:
        if stocked and journal.desk_head.seq == 0:
            await journal.write(stock)
        service = Service(journal, views, clock, Random(7).randbytes, believe=clock.confirm)
        yield Office(journal, views, service, clock)
    finally:
        await journal.close()
