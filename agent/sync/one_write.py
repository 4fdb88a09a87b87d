"""A request in one write: one TLS record and, when it is small, one packet.

httpx hands head and body to the connection one after the other. On a line that is paid by the
byte and waits by the packet, a second record and a second packet are some 80 bytes for nothing:
what is written is kept until the answer is to be read.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from agent.sync.metered import Count, MeteredBackend, uncounted


class OneWriteTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport, for one connection that is kept `keepalive_s`."""

    def __init__(
        self,
        tls: ssl.SSLContext,
        *,
        keepalive_s: float,
        socket_options: Iterable[httpcore.SOCKET_OPTION],
        count: Count = uncounted,
    ) -> None:
        """Connections are verified with `tls`; the environment is not looked at.

        `count` is told of the bytes that moved.
        """
        super().__init__(verify=tls, trust_env=False)
        # httpx has no parameter for the network backend; its pool is httpcore's, made here.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=1,
            keepalive_expiry=keepalive_s,
            socket_options=list(socket_options),
            network_backend=_Backend(count),
        )


class _Backend(httpcore.AsyncNetworkBackend):
    """Connects as httpcore does with asyncio."""

    def __init__(self, count: Count) -> None:
        self._backend = MeteredBackend(count)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect; what is written later waits for the next read."""
        stream = await self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(stream)


class _Stream(httpcore.AsyncNetworkStream):
    """A stream that writes when it is read."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._waiting = bytearray()
        self._write_timeout: float | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Send what waits, then read."""
        if self._waiting:
            together = bytes(self._waiting)
            self._waiting.clear()
            # A server may answer, and close, before it has read everything: its answer counts.
            with contextlib.suppress(httpcore.WriteError):
                await self._stream.write(together, self._write_timeout)
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Keep what is to be sent."""
        self._waiting += buffer
        self._write_timeout = timeout

    async def aclose(self) -> None:
        """Close; what was not sent is not."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return the same over TLS."""
        return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Tell what the stream below knows."""
        return self._stream.get_extra_info(info)
