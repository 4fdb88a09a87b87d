"""A line that falls silent under an open request, without a word to either end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Self

import pytest

from agent.config import Api, Config, Province
from agent.enrolled import tls_of
from agent.sync.http import HttpTransport, Patience
from agent.sync.probe import LineProbe
from agent.sync.tls import ResumingContext
from agent.sync.transport import ExchangeError
from tests.agent.sync.conftest import Office, TestClock
from tests.agent.sync.province import Loopback, ok
from tests.agent.sync.test_tls import self_signed
from tests.agent.world import FakeClock

PATIENT = Patience(connect_s=10.0, silence_s=60.0, total_s=240.0)


class Relay:
    """A line of real TCP connections that can go dark: nothing is forwarded, nothing closed."""

    def __init__(self, far_port: int) -> None:
        self.far_port = far_port
        self.port = 0
        self.lit = asyncio.Event()
        self.lit.set()
        self.carried = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._dead: set[asyncio.StreamWriter] = set()
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.dark()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._open | self._dead:
            writer.transport.abort()

    async def dark(self) -> None:
        """Swallow what comes from now on. What was open stays so, and is dead for good."""
        self.lit.clear()
        self._dead |= self._open
        if self._server is not None:
            self._server.close()
            self._server = None

    async def light(self) -> None:
        """Carry again, on new connections."""
        self.lit.set()
        await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.far_port)
        self._open |= {writer, far_writer}
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            self._tasks.add(asyncio.create_task(self._carry(source, sink), name="relay"))

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65_536):
                if sink not in self._dead:
                    sink.write(data)
                    self.carried.set()
        if sink not in self._dead:
            sink.close()


@pytest.fixture
async def relay(line: Loopback) -> AsyncIterator[Relay]:
    async with Relay(line.port) as relay:
        yield relay


@pytest.mark.slow
@pytest.mark.timing
async def test_after_a_silent_cut_in_mid_exchange_the_record_is_there_within_three_seconds(
    office: Office, line: Loopback, relay: Relay
) -> None:
    office.url = f"http://127.0.0.1:{relay.port}"
    office.patience = PATIENT
    office.start()
    await office.until_shown(None)
    await relay.dark()
    await office.record()
    await office.looks.until(up=False)
    assert office.journal.backlog_events == 1
    await relay.light()
    back = time.monotonic()
    await office.until_delivered()
    assert time.monotonic() - back < 3.0
    assert len(office.province.events) == 1
    assert [error for _, error in await office.log()][-2:] == ["line-cut", None]


@pytest.mark.slow
async def test_a_province_that_is_slow_to_answer_is_waited_for(
    office: Office, line: Loopback, relay: Relay
) -> None:
    async def slowly(body: bytes, writer: asyncio.StreamWriter) -> None:
        await office.looks.until(up=True, times=2)
        writer.write(ok(office.province.answer(body)))

    office.url = f"http://127.0.0.1:{relay.port}"
    office.patience = PATIENT
    await office.record()
    line.scripts.append(slowly)
    office.start()
    await office.until_delivered()
    assert len(line.heads) == 1
    assert await office.log() == [(1, None)]


async def test_silence_is_counted_from_what_was_last_heard_and_ends_with_the_answer(
    line: Loopback,
) -> None:
    heard = []

    async def slowly(_body: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.4)
        heard.append(transport.silent_ms())
        writer.write(b"HTTP/1.1 200 OK\r\n")
        await writer.drain()
        await asyncio.sleep(0.1)
        heard.append(transport.silent_ms())
        writer.write(ok(b"x").partition(b"\r\n")[2])

    transport = HttpTransport(line.url, patience=PATIENT)
    line.scripts.append(slowly)
    await transport.post(b"x")
    await transport.close()
    assert 300 <= heard[0] <= 2_000
    assert heard[1] < heard[0]


async def test_while_a_connection_is_being_made_nothing_is_heard() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        patience = Patience(connect_s=0.3, silence_s=0.5, total_s=1.0)
        transport = HttpTransport(f"http://127.0.0.1:{full.getsockname()[1]}", patience=patience)
        with pytest.raises(ExchangeError):
            await transport.post(b"x")
        assert transport.silent_ms() >= 250
        await transport.close()
        for one in waiting:
            one.close()


async def test_where_the_kernel_does_not_tell_nothing_counts_as_silent(
    line: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = HttpTransport(line.url, patience=PATIENT)
    assert transport.silent_ms() == 0
    line.scripts.append(ok(b"x"))
    await transport.post(b"x")
    monkeypatch.setattr("agent.sync.http.TCP_LAST_HEARD", struct.Struct("4000xII"))
    assert transport.silent_ms() == 0
    monkeypatch.delattr(socket, "TCP_INFO")
    assert transport.silent_ms() == 0
    await transport.close()
    assert transport.silent_ms() == 0


async def test_a_connect_that_nobody_answers_is_a_fall_and_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.sync.probe.FALLEN_S", 0.01)
    monkeypatch.setattr("agent.sync.probe.FAST_S", (0.05, 0.05))
    hanging = [asyncio.Event()]
    hung_up = []

    async def connect() -> bool:
        if hanging:
            try:
                await hanging.pop().wait()
            except asyncio.CancelledError:
                hung_up.append("first")
                raise
        return True

    async with asyncio.timeout(5):
        await LineProbe(connect, TestClock(), Random(1)).until_up(down=False)
    assert hung_up == ["first"]


@pytest.mark.parametrize("own_authority", [False, True])
def test_the_daemons_connections_resume_their_tls_session(
    tmp_path: Path, own_authority: bool
) -> None:
    authority = self_signed(tmp_path) if own_authority else None
    config = Config(
        office="H26.107",
        data_dir=Path("data"),
        keys_dir=Path("keys"),
        province=Province(url="https://tinh.example", ca_file=authority),
        api=Api(socket=Path("agent.sock")),
    )
    assert isinstance(tls_of(config, FakeClock()), ResumingContext)
