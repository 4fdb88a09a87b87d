"""Through a proxy that cuts, hangs up and resets: everything arrives exactly once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from random import Random

import pytest

from tests.agent.sync.conftest import Office
from tests.agent.sync.province import Loopback


class Proxy:
    """A TCP proxy in front of the province.

    `dead`: it takes connections and hangs up, as a modem does whose far side is gone. `budgets`:
    how many bytes each of the next connections carries up before it is reset.
    """

    def __init__(self, line: Loopback) -> None:
        self._line = line
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.dead = False
        self.budgets: list[int] = []
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self.cut()
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def cut(self) -> None:
        self.dead = True
        for writer in list(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        self.dead = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.dead:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._line.port)
        self._writers |= {writer, far_writer}
        back = asyncio.create_task(self._pump(far_reader, writer, None))
        try:
            await self._pump(reader, far_writer, self.budgets)
        finally:
            writer.transport.abort()
            far_writer.transport.abort()
            await back
            self._writers -= {writer, far_writer}

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budgets: list[int] | None
    ) -> None:
        left: int | None = None
        with suppress(ConnectionError):
            while data := await reader.read(512):
                if budgets and left is None:
                    left = budgets.pop()
                if left is not None:
                    left -= len(data)
                    if left <= 0:
                        return
                writer.write(data)
                await writer.drain()


@pytest.fixture
async def proxy(line: Loopback, office: Office) -> AsyncIterator[Proxy]:
    proxy = Proxy(line)
    await proxy.start()
    office.url = f"http://127.0.0.1:{proxy.port}"
    yield proxy
    await office.stop()
    await proxy.stop()


@pytest.mark.timing
async def test_a_proxy_whose_far_side_died_counts_as_a_dead_line_and_its_return_is_noticed(
    office: Office, proxy: Proxy
) -> None:
    office.delays.wait_ms = 3_600_000
    office.start()
    await office.until_shown(None)
    proxy.cut()
    await office.record(5)
    show = await office.until_shown("line-cut")
    assert show.line == "offline"
    # One probe has to find the line dead before its return can be told.
    await office.looks.until(up=False)
    proxy.mend()
    returned = time.monotonic()
    await office.until_delivered()
    assert time.monotonic() - returned <= 3.0


async def test_twenty_resets_in_mid_transfer_lose_and_double_nothing(
    office: Office, proxy: Proxy
) -> None:
    rng = Random(20)
    proxy.budgets = [rng.randrange(600, 6_000) for _ in range(20)]
    for _ in range(200):
        await office.record(1, text=rng.randbytes(400).hex())
    office.start()
    await office.until_delivered()
    assert len(office.province.events) == 200
    assert office.province.held == office.journal.head
    assert proxy.budgets == []
