"""A daemon's local door on real sockets, over a real journal."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from tests.agent.web.office import Office, open_office


@pytest.fixture
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    """An office with a catalogue, a lease and two users, listening."""
    # Socket paths are short: the kernel takes 107 bytes.
    directory = tmp_path_factory.mktemp("o")
    async with asyncio.timeout(60), open_office(directory, random.Random(7)) as opened:
        yield opened
