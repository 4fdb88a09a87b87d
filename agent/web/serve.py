"""Serving the local door: two listening sockets, one application, one clean end."""

import asyncio
import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from socket import socket

import uvicorn
from litestar.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from agent.config import Config
from agent.web.door import Door, allowed_hosts
from agent.web.limits import (
    CONNECTIONS_AN_ADDRESS_MAX,
    CONNECTIONS_MAX,
    FIRST_REQUEST_S,
    KEEP_ALIVE_S,
    STOP_GRACE_S,
)
from agent.web.sockets import listen_tcp, listen_unix, unusable


@dataclass(frozen=True, slots=True)
class Listeners:
    """The open sockets: made before the journal is opened, so that a second daemon stops early."""

    unix: socket
    tcp: socket | None


def open_listeners(config: Config, own_directory: bool) -> Listeners:
    """Open both sockets.

    `own_directory`: the socket's directory is the agent's own, and may be closed to others.
    Raises SocketTaken when a daemon answers already, else Refusal `address-unusable` with the
    address that is at fault and why.
    """
    try:
        unix = listen_unix(config.api.socket, own_directory=own_directory)
    except OSError as error:
        raise unusable(f"socket = {config.api.socket}", error) from error
    try:
        tcp = listen_tcp(config.api.listen) if config.api.listen else None
    except OSError as error:
        unix.close()
        raise unusable(f"listen = {config.api.listen}", error) from error
    return Listeners(unix, tcp)


async def serve(
    app: ASGIApp,
    listeners: Listeners,
    *,
    hostname: str,
    stop: asyncio.Event,
    ready: asyncio.Event | None = None,
) -> None:
    """Answer on both sockets until `stop` is set; open answers then get two seconds."""
    doors = [(Door(app, "socket", stop), listeners.unix)]
    if listeners.tcp is not None:
        hosts = allowed_hosts(listeners.tcp.getsockname()[1], hostname)
        doors.append((Door(app, "tcp", stop, hosts), listeners.tcp))
    async with asyncio.TaskGroup() as tasks:
        servers = [_Server(door, stop) for door, _ in doors]
        for server, (_, listener) in zip(servers, doors, strict=True):
            tasks.create_task(server.serve([listener]), name=f"http-{listener.family.name}")
        for server in servers:
            await server.listening.wait()
        if ready is not None:
            ready.set()


class _Connection(HttpToolsProtocol):
    """One connection; bounded in number and patience when it came through the network.

    The web server has no such bounds: whoever only connects would use up the descriptors that
    journal, socket and sync need.
    """

    _asked = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or close it when its machine has enough of them."""
        super().connection_made(transport)
        machine = _machine(self)
        if machine is None:
            return
        machines = [_machine(other) for other in self.connections]
        if machines.count(machine) > CONNECTIONS_AN_ADDRESS_MAX or len(machines) > CONNECTIONS_MAX:
            transport.abort()
        else:
            self.loop.call_later(FIRST_REQUEST_S, self._give_up)

    def on_message_begin(self) -> None:
        """Note that something is asked; a request that never ends is bounded in number only."""
        super().on_message_begin()
        self._asked = True

    def _give_up(self) -> None:
        if not self._asked:
            self.transport.abort()


def _machine(connection: object) -> str | None:
    """Return the address a connection comes from, None for one through the Unix socket."""
    client = getattr(connection, "client", None)
    return client[0] if client else None


class _Server(uvicorn.Server):
    """uvicorn's server without what belongs to `main`: its signals, and its tick of 0.1 s."""

    def __init__(self, app: Door, stop: asyncio.Event) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                interface="asgi3",
                http=_Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=STOP_GRACE_S,
            )
        )
        self._stop = stop
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def main_loop(self) -> None:
        self.listening.set()
        await self._stop.wait()
