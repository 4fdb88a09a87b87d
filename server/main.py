"""The one place that wires the server: settings, keys, database, rooms, HTTP.

Time and chance enter here and are passed down.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from pathlib import Path
from random import SystemRandom
from typing import cast

import structlog
import uvicorn
from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp

from server import (
    api,
    keys,
    moving,
    projections,
    refusals,
    restoring,
    rounds,
    routes_blobs,
    routes_exchange,
)
from server.access import guard
from server.admission import Admission
from server.blobs.folder import BlobFolder
from server.blobs.uploads import Uploads
from server.config import Config
from server.context import Projector, ServerContext
from server.metrics import Meter, measured
from server.one_write import OneWriteProtocol
from server.rates import Rates
from server.store.engine import SQLITE, Store, open_store
from server.store.migrate import SchemaOlder, check, migrate
from server.store.sqlite import look_over
from server.web import pages
from server.web.sessions import Sessions
from wire.limits import (
    ENROLMENTS_PER_ADDRESS_A_MINUTE_MAX,
    ENROLMENTS_PER_TICKET_A_MINUTE_MAX,
)

_log = structlog.get_logger("server")

KEEP_ALIVE_S = 3_700  # an idle office comes every half hour and finds its connection open
STOP_S = 5
TLS_TICKETS = 1  # an agent has one connection; a second ticket is 250 bytes for nobody
SENDER_BURST = 300  # a device that drains a month sends that many messages in one go
SENDER_PER_S = 20.0
BODY_BYTES_MAX = 16 << 20  # other routes; the exchange has its own, smaller limit


async def open_context(config: Config, *, project: Projector | None = None) -> ServerContext:
    """Open keys and database; a fresh SQLite file gets its tables.

    Raises Refusal key-missing or key-exposed, SchemaNewer, SchemaOlder, sqlalchemy's DBAPIError
    for a wrong key or a damaged file.
    """
    own = keys.load(config.keys_dir)
    config.data_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
    store = await open_database(config)
    return ServerContext(
        config=config,
        store=store,
        keys=own,
        project=project or projections.project,
        now_ms=lambda: time.time_ns() // 1_000_000,
        random_bytes=os.urandom,
        jitter=SystemRandom(),
        admission=Admission(),
        senders=Rates(burst=SENDER_BURST, per_s=SENDER_PER_S),
        tickets=per_minute(ENROLMENTS_PER_TICKET_A_MINUTE_MAX),
        addresses=per_minute(ENROLMENTS_PER_ADDRESS_A_MINUTE_MAX),
    )


async def open_database(config: Config, *, migrating: bool = False) -> Store:
    """Open the database of `config`, migrated if it is a fresh SQLite file or if asked for.

    Raises Refusal key-missing, key-wrong, store-damaged; nothing is changed then.
    """
    key = keys.secret(config.keys_dir / "database.key")
    if config.database.startswith(SQLITE):
        await asyncio.to_thread(look_over, Path(config.database.removeprefix(SQLITE)), key)
    store = open_store(config.database, key)
    try:
        current = True if migrating else await check(store)
        if migrating or (not current and config.database.startswith(SQLITE)):
            await migrate(store)
        elif not current:
            raise SchemaOlder("no tables")
    except BaseException:
        await store.close()
        raise
    return store


def per_minute(count: int) -> Rates:
    """Return rates of `count` a minute, all of which may come at once."""
    return Rates(burst=count, per_s=count / 60)


def create_app(context: ServerContext) -> Litestar:
    """Return the application; it closes the database when it shuts down."""

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await context.store.close()

    return Litestar(
        route_handlers=[
            *routes_exchange.ROUTES,
            *routes_blobs.ROUTES,
            *api.ROUTES,
            *pages.ROUTES,
        ],
        state=State(
            {
                "context": context,
                "sessions": Sessions(context.random_bytes),
                "sign_in": pages.SignIn(),
                "meter": Meter(),
                "uploads": Uploads(context, BlobFolder(context.config.blobs_dir)),
            }
        ),
        guards=[guard],
        lifespan=[lifespan],
        exception_handlers=refusals.HANDLERS | {HTTPException: pages.on_unrouted},
        openapi_config=None,
        logging_config=None,
        request_max_body_size=BODY_BYTES_MAX,
    )


async def run(config: Config) -> None:
    """Serve until SIGINT or SIGTERM."""
    context = await open_context(config)
    restored = await restoring.at_start(context)
    told = await moving.at_start(context)
    if told:
        _log.warning("moved", n=context.keys.n, offices=told)
    if restored is not None:
        _log.warning("restored", offices=restored.offices, devices=restored.devices)
    app = create_app(context)
    async with rounds.daily(app.state):
        await _Server(uvicorn_config(context, app)).serve()
    _log.info("stopped")


class _Server(uvicorn.Server):
    """Stops at SIGINT and SIGTERM and then returns, so that the process ends with 0."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say that it serves once it does: a port that is taken ends the process before that."""
        await super().startup(sockets)
        listen = f"{self.config.host}:{self.config.port}"
        _log.info("started", listen=listen, version=version("commune"))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Listen for the signals while the server runs."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self.should_exit = True


def uvicorn_config(context: ServerContext, app: Litestar | None = None) -> uvicorn.Config:
    """Return how the application is served: quiet headers, connections kept for an hour."""
    config = context.config
    app = app or create_app(context)
    served = uvicorn.Config(
        measured(cast("ASGIApp", app), app.state.meter),
        host=config.host,
        port=config.port,
        http=OneWriteProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
        ssl_certfile=config.tls_cert,
        ssl_keyfile=config.tls_key,
    )
    served.load()
    if served.ssl is not None:
        served.ssl.num_tickets = TLS_TICKETS
    return served
