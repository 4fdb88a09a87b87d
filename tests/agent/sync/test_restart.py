"""Sync that falls over a mistake of ours: the counter goes on, and so does sync."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import cast

import pytest

from agent import config, enrolled
from agent.blobs.folder import BlobFolder
from agent.enrolled import Line
from agent.figures import Figures
from agent.noticed import Noticed
from agent.status import Live, Status, StatusBoard
from agent.sync.report import Collected
from records.sync_report import ClockReport
from tests.agent.sync.conftest import Office, TestClock
from tests.agent.sync.test_report import ROW, report

TOML = """
office = "H26.107"
data_dir = "data"
[province]
url = "{url}"
[api]
socket = "agent.sock"
[sync]
day_bytes_max = 20_000_000
quiet = "21:00-06:00"
"""


class Falling:
    """Figures whose first reading meets something nobody thought of."""

    def __init__(self) -> None:
        self.asked = 0

    async def collect(self) -> Collected:
        self.asked += 1
        if self.asked == 1:
            raise ZeroDivisionError
        return Collected(report(), [ROW])


async def test_sync_that_falls_is_shown_and_begun_anew_while_recording_goes_on(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolled, "RESTART_S_MIN", 0.05)
    file = tmp_path / "agent.toml"
    file.write_text(TOML.format(url=office.url))
    journal, clock = office.journal, TestClock()
    live = Live(0, 0, 0)
    first = Status(
        office="H26.107",
        name="Xã Ứng Hòa",
        province="H26",
        agent="1",
        generated_at="",
        clock=ClockReport(state="trusted"),
    )
    board = StatusBoard(first, lambda: live)
    line = Line(
        config.read(file),
        journal,
        clock,
        board,
        noticed=Noticed(clock.now_ms, clock.mono_ms, lambda _: None),
        folder=BlobFolder(file.parent / "blobs", 0),
        fresh_bytes=secrets.token_bytes,
    )
    figures = Falling()
    fell = asyncio.Event()

    async def watch() -> None:
        async for status in board.subscribe():
            if status.line_error == "sync-failed":
                fell.set()

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        watching = group.create_task(watch())
        syncing = group.create_task(line.run(office.province.enrolment(), cast("Figures", figures)))
        await office.record(3)
        await fell.wait()
        await office.until_delivered()
        watching.cancel()
        syncing.cancel()
    assert figures.asked >= 2
    moved = line.saving_shown().bytes_today
    assert moved > 1_000
    line.saving.meter.add(20_000_000)
    told = line.saving_shown()
    assert (told.documents, told.records, told.day_bytes_max) == ("wait", "rarely", 20_000_000)
    assert told.bytes_today == moved + 20_000_000
    assert told.until is not None
    assert len(office.province.events) == 3
