"""The command line as a process of its own, against a door served by the story."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from tests.agent.cli.terminal import Terminal
from tests.agent.web.office import Office, open_office
from tests.agent.world import KEY


@pytest.fixture
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    """An office that answers."""
    directory = tmp_path_factory.mktemp("o")
    async with asyncio.timeout(60), open_office(directory, random.Random(7)) as opened:
        yield opened


@pytest.fixture
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """A terminal whose configuration names no daemon that runs."""
    return Terminal.at(tmp_path_factory.mktemp("t"), "none.sock", KEY)


@pytest.fixture
def at_office(office: Office) -> Terminal:
    """A terminal of the office."""
    return Terminal.at(office.socket.parent.parent, "run/agent.sock", KEY)
