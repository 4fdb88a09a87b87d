"""A whole office below the web, on a real file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agent.office import Office, opened
from tests.agent.world import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def office(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Office]:
    async with opened(tmp_path / "journal.db", clock) as made:
        yield made
