"""SQLAlchemy over SQLCipher: the whole file encrypted, one thread hop a statement.

The connection is `sqlcipher3` (SQLite 3.53, encrypted) inside `aiosqlite.Connection`, which gives
every connection its own thread. Two things do not fit by themselves and are put right here:

- sqlcipher3 has its own exception classes; SQLAlchemy must be told, else they arrive unwrapped.
- The stock cursor crosses to the thread four times a statement; `_Cursor` crosses once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import aiosqlite
import sqlcipher3
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_dbapi

from wire.problems import Refusal

BUSY_MS = 10_000  # another process (a command beside the daemon) may write for that long
CHECKPOINT_PAGES = 2_000  # 8 MB of log before it is folded into the file
LOOK_BYTES_MAX = 32 << 20  # read whole at every start (5 ms a MB); `verify` reads larger ones
NOT_A_DATABASE = 26  # SQLITE_NOTADB: what a wrong key and a torn first page look like


class _Cursor:
    """Executes and fetches in one hop; what SQLAlchemy then asks for is already here."""

    def __init__(self, connection: CipherConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> Self:
        return await self._run(lambda cursor: cursor.execute(sql, parameters))

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> Self:
        return await self._run(lambda cursor: cursor.executemany(sql, parameters))

    async def fetchall(self) -> Sequence[Any]:
        return self._rows

    async def close(self) -> None:
        self._rows = []

    async def _run(self, work: Callable[[Any], Any]) -> Self:
        def there() -> None:
            cursor = self._connection.raw.cursor()
            try:
                work(cursor)
                self.description = cursor.description
                self.rowcount = cursor.rowcount
                self.lastrowid = cursor.lastrowid
                self._rows = cursor.fetchall() if cursor.description else []
            finally:
                cursor.close()

        await self._connection.there(there)
        return self


class CipherConnection(aiosqlite.Connection):
    """An aiosqlite connection whose cursors are `_Cursor`."""

    @property
    def raw(self) -> Any:
        """The sqlcipher3 connection; only for use on the connection's own thread."""
        return self._conn

    async def there(self, work: Callable[[], None]) -> None:
        """Run `work` on the connection's thread."""
        await self._execute(work)  # type: ignore[no-untyped-call]

    def cursor(self, *_args: Any, **_kwargs: Any) -> Any:
        """Return a cursor; nothing happens on the thread before it executes."""
        return _Cursor(self)


class CipherModule(AsyncAdapt_aiosqlite_dbapi):
    """The DBAPI that SQLAlchemy is told of: aiosqlite's adapter with sqlcipher3's exceptions."""

    def __init__(self) -> None:
        super().__init__(aiosqlite, sqlcipher3)

    def _init_dbapi_attributes(self) -> None:
        for name in (
            "DatabaseError",
            "Error",
            "IntegrityError",
            "InterfaceError",
            "NotSupportedError",
            "OperationalError",
            "ProgrammingError",
            "sqlite_version",
            "sqlite_version_info",
            "PARSE_COLNAMES",
            "PARSE_DECLTYPES",
            "Binary",
        ):
            setattr(self, name, getattr(sqlcipher3, name))


def connector(path: Path, key: bytes) -> Callable[[], Any]:
    """Return what opens the file on the connection's thread.

    `key` is 32 raw bytes, given first and without derivation. WAL and `synchronous=FULL` are set
    and read back. The opener raises sqlcipher3.DatabaseError for a wrong key.
    """

    def connect() -> Any:
        connection = sqlcipher3.connect(str(path), isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA cipher_log_level = NONE")  # errors are raised, not printed
            connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
            connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            journal = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            connection.execute("PRAGMA synchronous = FULL")
            synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
            if (journal, synchronous) != ("wal", 2):
                message = f"journal_mode={journal} synchronous={synchronous}: not durable"
                raise sqlcipher3.OperationalError(message)
            connection.execute("PRAGMA cache_size = -16000")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        except BaseException:
            connection.close()
            raise
        return connection

    return connect


def look_over(path: Path, key: bytes) -> None:
    """Look at a file before anything may be written: its key, and each page of a smaller one.

    Read-only and through the WAL, because a power cut in a checkpoint tears pages that the WAL
    still holds. A file that is not there yet is fine. Raises Refusal `key-wrong`, `store-damaged`.
    """
    if not path.exists() or path.stat().st_size == 0:
        return
    wal = path.with_name(path.name + "-wal")
    unfinished = wal.exists() and wal.stat().st_size > 0
    uri = f"file:{quote(str(path.absolute()))}?mode=ro" + ("" if unfinished else "&immutable=1")
    connection = sqlcipher3.connect(uri, uri=True)
    try:
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        found = "ok"
        if path.stat().st_size <= LOOK_BYTES_MAX:
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlcipher3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0)
        raise Refusal(
            "key-wrong" if code == NOT_A_DATABASE else "store-damaged", str(path)
        ) from error
    finally:
        connection.close()
    if found != "ok":
        raise Refusal("store-damaged", f"{path}: {found}".replace("\n", " "))
