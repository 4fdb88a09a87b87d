"""A line between two loopback ports that can be cut, as lines are.

It never looks inside what it carries. Cut means: what is open is reset, what comes is reset too.
"""

import asyncio
import contextlib
import socket
import struct
from types import TracebackType
from typing import Final, Self

from provisioning.sandbox.ports import HOST

CHUNK_BYTES: Final = 16 << 10
LINGER_NOW: Final = struct.pack("ii", 1, 0)


class Relay:
    """Carries from `port` to `target_port` on this machine while it is entered.

    `up_bytes` and `down_bytes` count what passed towards the target and back.
    """

    def __init__(self, port: int, target_port: int) -> None:
        self.port = port
        self.target_port = target_port
        self.is_cut = False
        self.up_bytes = 0
        self.down_bytes = 0
        self._ends: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, HOST, self.port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        self._reset_all()

    def cut(self) -> None:
        """Cut the line."""
        self.is_cut = True
        self._reset_all()

    def restore(self) -> None:
        """Let connections through again."""
        self.is_cut = False

    def _reset_all(self) -> None:
        for end in tuple(self._ends):
            _reset(end)

    async def _carry(self, office: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        if self.is_cut:
            _reset(back)
            return
        ends = {back}
        self._ends.add(back)
        try:
            province, onward = await asyncio.open_connection(HOST, self.target_port)
            ends.add(onward)
            self._ends.add(onward)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(office, onward, is_up=True), name="line up")
                pumps.create_task(self._pump(province, back, is_up=False), name="line down")
        except* OSError:
            # One side went away: so does the other, as on any line.
            for end in ends:
                _reset(end)
        finally:
            self._ends -= ends
            for end in ends:
                end.close()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_up: bool
    ) -> None:
        while data := await source.read(CHUNK_BYTES):
            if is_up:
                self.up_bytes += len(data)
            else:
                self.down_bytes += len(data)
            sink.write(data)
            await sink.drain()
        with contextlib.suppress(OSError):
            sink.write_eof()


def _reset(end: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN, as a dying modem or a rebooted router does."""
    sock = end.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOW)
    end.transport.abort()
