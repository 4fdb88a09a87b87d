"""An office with a real journal, its syncer, and a province on loopback."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent.clock import ClockState
from agent.journal import Journal, NoViews, Transaction
from agent.keys import Enrolment
from agent.sync.faults import Fault
from agent.sync.http import HttpTransport, Patience
from agent.sync.probe import connects
from agent.sync.report import Reporter
from agent.sync.retry import Delays
from agent.sync.saving import Saving
from agent.sync.shell import Syncer
from agent.sync.signals import Show
from tests.agent.sync.province import FakeProvince, Loopback
from wire import plaintext
from wire.event import Event, body_of

BOX = bytes(range(24))
QUICK = Patience(connect_s=2.0, silence_s=0.5, total_s=1.0)


class TestClock:
    """The machine's clocks; the wall clock is believed."""

    __test__ = False
    boot_id = b"6d0d0f6b-0000-4000-8000-000000000000"

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def state(self) -> ClockState:
        return "trusted"


class QuickDelays(Delays):
    """Waits of milliseconds before a retry, so that a story of ten failures is told at once."""

    def __init__(self) -> None:
        super().__init__(Random(1))
        self.retry_after_s: list[int | None] = []
        self.wait_ms = 5

    def retry_ms(self, fault: Fault, attempt: int, retry_after_s: int | None = None) -> int:
        self.retry_after_s.append(retry_after_s)
        return self.wait_ms


class Shown(list[Show]):
    """What people were shown, in order; can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    def add(self, show: Show) -> None:
        self.append(show)
        self._news.set()

    @property
    def code(self) -> str | None:
        """Code of what is shown now; None: all is well."""
        fault = self[-1].fault
        return fault.code if fault else None

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something shown makes `condition` true."""
        async with asyncio.timeout(20):
            while not condition():
                await self._news.wait()
                self._news.clear()


class Looks:
    """The connects by which the syncer looks at the line, and whether each stood."""

    def __init__(self) -> None:
        self.found: list[bool] = []
        self._news = asyncio.Event()

    async def look(self, host: str, port: int) -> bool:
        """Connect as the daemon does, and remember what came of it."""
        stood = await connects(host, port)
        self.found.append(stood)
        self._news.set()
        return stood

    async def until(self, *, up: bool, times: int = 1) -> None:
        """Wait until the line was found so, as often, from now on."""
        before = len(self.found)
        async with asyncio.timeout(30):
            while self.found[before:].count(up) < times:
                await self._news.wait()
                self._news.clear()


class Station:
    """One commune office: journal, syncer, and what the status shows."""

    def __init__(self, journal: Journal, enrolment: Callable[[], Enrolment], url: str) -> None:
        self.journal, self.enrolment, self.url = journal, enrolment, url
        self.shown = Shown()
        self.looks = Looks()
        self.delays = QuickDelays()
        self.patience = QUICK
        self.saving = Saving(TestClock())
        self.reporter: Reporter | None = None
        self.syncer: Syncer | None = None
        self.task: asyncio.Task[None] | None = None

    async def record(self, count: int = 1, text: str = "") -> None:
        jobs = [partial(append_event, number=n, text=text) for n in range(count)]
        for start in range(0, count, 1000):
            await self.journal.write_many(jobs[start : start + 1000])

    def start(self) -> None:
        transport = HttpTransport(self.url, patience=self.patience, count=self.saving.meter.add)
        self.syncer = Syncer(
            self.journal,
            self.enrolment(),
            transport,
            box=BOX,
            clock=TestClock(),
            random=Random(1),
            show=self.shown.add,
            connect=partial(self.looks.look, *transport.address),
            fresh_bytes=secrets.token_bytes,
            reporter=self.reporter,
            delays=self.delays,
            saving=self.saving,
        )
        self.task = asyncio.create_task(self.syncer.run(), name="syncer")

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])
            assert self.task.cancelled(), self.task.exception()
            self.task = None

    async def until(self, condition: Callable[[], bool]) -> None:
        await self.shown.until(condition)

    async def until_shown(self, code: str | None) -> Show:
        await self.until(lambda: bool(self.shown) and self.shown.code == code)
        return self.shown[-1]

    async def until_delivered(self) -> None:
        async with asyncio.timeout(20):
            while self.journal.backlog_events:
                await self.journal.wait_change()

    async def log(self) -> list[tuple[int, str | None]]:
        """The exchange log: ok, error."""
        return await self.journal.read(
            lambda conn: conn.execute("SELECT ok, error FROM exchange ORDER BY no").fetchall()
        )

    async def meta(self, key: str) -> object:
        def query(conn: Any) -> object:
            row = conn.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
            return row[0] if row else None

        return await self.journal.read(query)


class Office(Station):
    """An office whose province is the fake one."""

    def __init__(self, journal: Journal, province: FakeProvince, line: Loopback) -> None:
        super().__init__(journal, province.enrolment, line.url)
        self.province, self.line = province, line


def append_event(transaction: Transaction, number: int, text: str = "") -> None:
    event = Event(
        kind="office.noted",
        at="2026-11-21T08:31:05+07:00",
        actor="lan.nt",
        body=body_of({"kind": "disinfection", "note": f"{number} {text}"}),
    )
    transaction.append(event)


def an_up(office: Office) -> plaintext.Up:
    identity = office.journal.identity
    assert identity is not None
    return plaintext.Up(
        office=identity.office_id,
        journal=identity.journal,
        head=office.journal.head,
        desk=identity.desk,
        cursor=identity.desk_genesis,
        turn=bytes(8),
        boot=bytes(8),
        now=0,
        clock="trusted",
        budget=0,
        codecs=(0,),
    )


@pytest.fixture
def province() -> FakeProvince:
    return FakeProvince()


@pytest.fixture
async def line(province: FakeProvince) -> AsyncIterator[Loopback]:
    line = await Loopback(province).up()
    yield line
    await line.cut()


@pytest.fixture
async def office(province: FakeProvince, line: Loopback, tmp_path: Path) -> AsyncIterator[Office]:
    journal = await Journal.open(
        tmp_path / "journal.db",
        secrets.token_bytes(32),
        identity=province.enrolment().identity,
        projector=NoViews(),
        clock=TestClock(),
    )
    office = Office(journal, province, line)
    try:
        yield office
    finally:
        await office.stop()
        await journal.close()
