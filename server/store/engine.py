"""The province's database: one place that opens, begins and commits.

Two databases, one set of statements: SQLite (encrypted, embedded) and PostgreSQL. A writer on
SQLite begins with BEGIN IMMEDIATE and writers of this process queue on a lock instead of polling
the file; on PostgreSQL rows are locked by the statements themselves. `commit` returns after the
bytes are durable: SQLite `synchronous=FULL`, PostgreSQL `synchronous_commit=on`, both read back.

Rows are locked in one order, so that no two transactions wait for each other:

    ticket, device, journal, office, desk journal, dossiers and visits, the feed's counter

Within one kind they go by their key. Whoever may need a row takes it at its place in this order,
even if it turns out that nothing is to be written; a row that is only read is not locked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlcipher3.dbapi2 import DatabaseError

from server.store.again import failed_on_disk, look_again
from server.store.sqlite import CipherConnection, CipherModule, connector
from wire.problems import Refusal

_log = structlog.get_logger("server")

SQLITE = "sqlite:///"
POOL_CONNECTIONS = 8  # readers and writers of one process
POOL_WAIT_S = 30
STATEMENT_S = 60  # a statement that takes longer waits for a lock nobody gives back
FETCH_ROWS = 1_000


class Store:
    """The open database. `write()` and `read()` give a connection inside one transaction."""

    def __init__(
        self, engine: AsyncEngine, *, look_again: Callable[[], None] | None = None
    ) -> None:
        """`look_again` belongs to an embedded file: it proves it after the disk failed."""
        self.engine = engine
        self._reader = engine.execution_options(commune_read=True)
        self._writer = None if look_again is None else asyncio.Lock()
        self._look_again = look_again
        self._in_doubt = False

    @property
    def embedded(self) -> bool:
        """Whether this is SQLite."""
        return self._writer is not None

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Begin; commit durably when the block ends, roll back when it raises.

        After the disk failed an embedded file is proven first: raises Refusal `busy` or
        `store-damaged` as long as it is not.
        """
        async with AsyncExitStack() as stack:
            if self._writer is not None:
                await stack.enter_async_context(self._writer)
                await self._prove_if_in_doubt()
            try:
                async with self.engine.begin() as connection:
                    yield connection
            except DBAPIError as error:
                self._doubt(error)
                raise

    def _doubt(self, error: DBAPIError) -> None:
        if self.embedded and failed_on_disk(error):
            self._in_doubt = True
            _log.error("disk-failed", error=str(error.orig))

    async def _prove_if_in_doubt(self) -> None:
        """Close what is open, and look at the file anew; nothing is receipted before it is sound.

        Raises Refusal `busy`, `store-damaged`.
        """
        if not self._in_doubt or self._look_again is None:
            return
        await self.engine.dispose()
        try:
            await asyncio.to_thread(self._look_again)
        except (DatabaseError, OSError) as error:
            raise Refusal("busy", str(error)) from error
        self._in_doubt = False
        _log.warning("disk-answers")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that only reads; it sees one state."""
        async with self._reader.connect() as connection, connection.begin():
            yield connection

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def open_store(url: str, key: bytes) -> Store:
    """Open `sqlite:///<path>` (encrypted with the 32-byte `key`) or `postgresql+asyncpg://…`.

    Nothing is read before the first transaction; a wrong key shows there.
    """
    if url.startswith(SQLITE):
        return _open_sqlite(Path(url.removeprefix(SQLITE)), key)
    return _open_postgresql(url)


def _open_sqlite(path: Path, key: bytes) -> Store:
    connect = connector(path, key)

    async def create() -> CipherConnection:
        connection = CipherConnection(connect, iter_chunk_size=FETCH_ROWS)
        connection._thread.daemon = True  # noqa: SLF001 - a stuck disk must not keep the process
        await connection
        return connection

    engine = create_async_engine(
        "sqlite+aiosqlite:///cipher.db",  # the name only selects the pool; `create` opens the file
        async_creator=create,
        module=CipherModule(),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=POOL_CONNECTIONS,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
    )

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("commune_read", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return Store(engine, look_again=partial(look_again, path, connect))


def _open_postgresql(url: str) -> Store:
    engine = create_async_engine(
        url,
        pool_size=POOL_CONNECTIONS,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
        pool_pre_ping=True,
        connect_args={
            "command_timeout": STATEMENT_S,
            "server_settings": {"synchronous_commit": "on", "timezone": "UTC"},
        },
    )
    return Store(engine)
