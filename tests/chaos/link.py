"""A TCP line that a test can cut, and that can go wrong in the ways real lines do.

The line runs in a thread of its own and forwards between a loopback port and a target port. It
never looks inside: faults are counted in bytes, so they strike TLS and plain HTTP alike.
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Self

LINGER_NOW = struct.pack("ii", 1, 0)
CHUNK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one connection.

    reset_after: bytes from the client after which both sides see a reset, or None.
    reply_bytes: bytes of the reply that come through before the client sees a reset, or None.
    """

    reset_after: int | None = None
    reply_bytes: int | None = None


CLEAN = Fault()
LOST_REPLY = Fault(reply_bytes=0)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN, as a dying modem or a rebooted router does."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOW)
    writer.transport.abort()


class Link:
    """A line between `127.0.0.1:port` and a target port; a context manager.

    up_bytes and down_bytes count the TCP payload that passed; connections counts accepted ones.
    """

    def __init__(self, target_port: int, port: int = 0, *, send_bytes: int = 0) -> None:
        """`send_bytes`: how much may be on its way to the target, 0 for what the kernel likes."""
        self._send_bytes = send_bytes
        self.target_port = target_port
        self.port = port
        self.up_bytes = 0
        self.down_bytes = 0
        self.connections = 0
        self.struck = 0
        self._next_fault: Callable[[], Fault] = lambda: CLEAN
        self._is_cut = False
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="link", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    @property
    def url(self) -> str:
        """Give the address of this end of the line."""
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Reset what is open and refuse what comes."""
        self._is_cut = True
        self._call(self._reset_all())

    def restore(self) -> None:
        """Let connections through again."""
        self._is_cut = False

    def fail_with(self, next_fault: Callable[[], Fault]) -> None:
        """Ask `next_fault` for the fate of each new connection from now on."""
        self._next_fault = next_fault

    def heal(self) -> None:
        """No more faults on new connections; those under way keep theirs."""
        self._next_fault = lambda: CLEAN

    def _call(self, work: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        await self._reset_all()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _reset_all(self) -> None:
        for writer in tuple(self._open):
            _reset(writer)

    async def _carry(self, client: asyncio.StreamReader, reply: asyncio.StreamWriter) -> None:
        if self._is_cut:
            _reset(reply)
            return
        self.connections += 1
        fault = self._next_fault()
        try:
            server, request = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            _reset(reply)
            return
        if self._send_bytes:
            request.transport.set_write_buffer_limits(0)
            sock = request.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._send_bytes)
        ends = {reply, request}
        self._open |= ends
        try:
            await asyncio.gather(
                self._pump(client, request, ends, fault.reset_after, is_up=True),
                self._pump(server, reply, ends, fault.reply_bytes, is_up=False),
            )
        except OSError:
            for end in ends:
                _reset(end)
        finally:
            self._open -= ends
            for end in ends:
                end.close()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        ends: set[asyncio.StreamWriter],
        limit: int | None,
        *,
        is_up: bool,
    ) -> None:
        passed = 0
        while data := await source.read(CHUNK_BYTES):
            part = data if limit is None else data[: limit - passed]
            passed += len(part)
            if is_up:
                self.up_bytes += len(part)
            else:
                self.down_bytes += len(part)
            sink.write(part)
            await sink.drain()
            if limit is not None and passed >= limit:
                self.struck += 1
                for end in ends:
                    _reset(end)
                return
        with contextlib.suppress(OSError):
            sink.write_eof()


def random_faults(seed: int, *, bytes_max: int) -> Callable[[], Fault]:
    """Give seeded faults without end: half cut the request, half the reply.

    Requests are cut as often in their first hundred bytes as in the rest up to `bytes_max`: small
    messages meet their faults too. `struck` counts those that did.
    """
    source = random.Random(seed)

    def next_fault() -> Fault:
        if source.random() < 0.5:
            return Fault(reset_after=round(bytes_max ** source.random()))
        return Fault(reply_bytes=source.randint(0, 200))

    return next_fault
