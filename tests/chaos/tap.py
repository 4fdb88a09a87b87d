"""A TCP line that notes the TLS records which pass, as anybody on the line could."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

APPLICATION_DATA = 23
HEAD_BYTES = 5


@dataclass
class Tap:
    """What passed on all connections, each direction apart."""

    port: int = 0
    up: bytearray = field(default_factory=bytearray)
    down: bytearray = field(default_factory=bytearray)

    def forget(self) -> None:
        """Begin to note anew; call it while nothing is under way."""
        self.up.clear()
        self.down.clear()


def records(stream: bytes) -> list[int]:
    """Return the sizes of the records of application data (RFC 8446 section 5.1)."""
    sizes, at = [], 0
    while at + HEAD_BYTES <= len(stream):
        size = int.from_bytes(stream[at + 3 : at + HEAD_BYTES])
        if stream[at] == APPLICATION_DATA:
            sizes.append(size)
        at += HEAD_BYTES + size
    return sizes


@asynccontextmanager
async def tapped(target_port: int) -> AsyncIterator[Tap]:
    """Give a tap on the way to a port of this machine."""
    tap = Tap()

    async def pump(
        source: asyncio.StreamReader, sink: asyncio.StreamWriter, noted: bytearray
    ) -> None:
        while data := await source.read(65_536):
            noted += data
            sink.write(data)
            await sink.drain()
        sink.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target_port)
        await asyncio.gather(
            pump(reader, far_writer, tap.up),
            pump(far_reader, writer, tap.down),
            return_exceptions=True,
        )

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    tap.port = server.sockets[0].getsockname()[1]
    try:
        yield tap
    finally:
        server.close()
