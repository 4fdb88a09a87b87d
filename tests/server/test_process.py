"""The server as a process: it starts on an empty folder, and ends when it is told to."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.server.province import make_keys

ROOT = Path(__file__).parents[2]


async def answer(port: int, request: bytes) -> bytes:
    """Send a request as soon as somebody listens; return the head of the answer."""
    async with asyncio.timeout(30):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
                continue
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            await writer.wait_closed()
            return head


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_and_ends_cleanly(tmp_path: Path, how: signal.Signals) -> None:
    make_keys(tmp_path / "keys")
    port = free_port()
    (tmp_path / "server.toml").write_text(
        f'listen = "127.0.0.1:{port}"\npublic_url = "http://127.0.0.1:{port}"\n'
        'database = "sqlite:///data/province.db"\ndata_dir = "data"\nkeys_dir = "keys"\n'
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.server.serve", str(tmp_path), cwd=ROOT
    )
    try:
        head = await answer(port, b"GET /v1/province HTTP/1.1\r\nHost: a\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"server:" not in head.lower()
        assert b"date:" not in head.lower()
        process.send_signal(how)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (tmp_path / "data" / "province.db").exists()


async def test_a_port_that_is_taken_is_never_called_started(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "server.toml").write_text(
            f'listen = "127.0.0.1:{port}"\npublic_url = "http://127.0.0.1:{port}"\n'
            'database = "sqlite:///data/province.db"\ndata_dir = "data"\nkeys_dir = "keys"\n'
        )
        command = Path(sys.executable).with_name("commune-server")
        process = await asyncio.create_subprocess_exec(
            str(command), "--config", str(tmp_path / "server.toml"), "run",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode != 0
    assert b"address already in use" in said
    assert b"started" not in said
