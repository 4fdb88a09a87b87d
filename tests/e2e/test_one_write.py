"""A small exchange is one TLS record there and one back, between the programs' own HTTP."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import uvicorn

from agent.sync import faults
from agent.sync.http import HttpTransport
from agent.sync.tls import client_context
from agent.sync.transport import ExchangeError
from server.main import uvicorn_config
from tests.agent.sync.test_tls import self_signed
from tests.chaos.tap import records, tapped
from tests.server.province import FakeClock, Seen, make_config, open_province


@asynccontextmanager
async def province(folder: Path) -> AsyncIterator[tuple[int, Path]]:
    """Give the port of a real province that speaks TLS, and its certificate."""
    pem = self_signed(folder)
    config = msgspec.structs.replace(make_config(folder), tls_cert=pem, tls_key=pem)
    context = await open_province(config, FakeClock(), Seen())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn_config(context))
        serving = asyncio.create_task(server.serve([listener]), name="server")
        try:
            yield listener.getsockname()[1], pem
        finally:
            server.should_exit = True
            await serving


async def test_a_small_exchange_is_one_record_there_and_one_back(tmp_path: Path) -> None:
    async with province(tmp_path) as (port, pem), tapped(port) as tap:
        transport = HttpTransport(f"https://localhost:{tap.port}", tls=client_context(pem))
        for _ in range(3):  # the first carries the handshake
            tap.forget()
            with pytest.raises(ExchangeError) as refused:
                await transport.post(b"no message")
            assert refused.value.fault is faults.MESSAGE_MALFORMED
        assert len(records(bytes(tap.up))) == 1
        assert len(records(bytes(tap.down))) == 1
        await transport.close()


async def test_one_ticket_is_given_with_a_handshake(tmp_path: Path) -> None:
    async with province(tmp_path) as (port, pem), tapped(port) as tap:
        context = ssl.create_default_context(cafile=str(pem))
        reader, writer = await asyncio.open_connection(
            "localhost", tap.port, ssl=context, server_hostname="localhost"
        )
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
    # Encrypted: the rest of the handshake (as one or more records), one ticket, the answer.
    tickets = [size for size in records(bytes(tap.down)) if 180 <= size <= 300]
    assert len(tickets) == 1, records(bytes(tap.down))
