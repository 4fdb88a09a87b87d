"""A real journal on a real file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.journal import Journal, NoViews
from tests.agent.world import IDENTITY, KEY, FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
async def journal(file: Path, clock: FakeClock) -> AsyncIterator[Journal]:
    opened = await Journal.open(file, KEY, identity=IDENTITY, projector=NoViews(), clock=clock)
    yield opened
    await opened.close()
