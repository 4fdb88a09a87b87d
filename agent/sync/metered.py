"""Connections whose bytes are counted, for httpx: below TLS, by asking the kernel."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore
import httpx

from agent.sync.meter import line_bytes

Count = Callable[[int], None]


def uncounted(_count: int) -> None:
    """Count nothing."""


class MeteredBackend(httpcore.AsyncNetworkBackend):
    """Connects as httpcore does with asyncio, and tells `count` of the bytes that moved."""

    def __init__(self, count: Count) -> None:
        self._backend, self._count = httpcore.AnyIOBackend(), count

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect; the handshake counts with the first bytes."""
        stream = await self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(stream, _Tally(stream.get_extra_info("socket"), self._count))


class MeteredTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport, counted."""

    def __init__(self, tls: ssl.SSLContext, count: Count) -> None:
        """Connections are verified with `tls`; the environment is not looked at."""
        super().__init__(verify=tls, trust_env=False)
        # httpx has no parameter for the network backend; its pool is httpcore's, made here.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls, network_backend=MeteredBackend(count)
        )


class _Tally:
    """What one connection moved, told as it grows."""

    def __init__(self, sock: Any, count: Count) -> None:
        self._sock, self._count = sock, count
        self._told = 0

    def look(self) -> None:
        moved = line_bytes(self._sock)
        if moved is not None and moved > self._told:
            self._count(moved - self._told)
            self._told = moved


class _Stream(httpcore.AsyncNetworkStream):
    """A stream that looks at its tally after each step, whether it went well or not."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, tally: _Tally) -> None:
        self._stream, self._tally = stream, tally

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read from the stream below."""
        try:
            return await self._stream.read(max_bytes, timeout)
        finally:
            self._tally.look()

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write to the stream below."""
        try:
            await self._stream.write(buffer, timeout)
        finally:
            self._tally.look()

    async def aclose(self) -> None:
        """Close; what moved since the last step still counts."""
        self._tally.look()
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return the same over TLS; the tally stays that of the connection."""
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        finally:
            self._tally.look()
        return _Stream(stream, self._tally)

    def get_extra_info(self, info: str) -> Any:
        """Tell what the stream below knows."""
        return self._stream.get_extra_info(info)
