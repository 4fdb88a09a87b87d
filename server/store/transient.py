"""Which of a database's faults pass: nothing was stored, the same again later may go well.

PostgreSQL says so in the class of its SQLSTATE (its manual, appendix A), SQLite in its primary
result code (sqlite.org/rescode.html). SQLAlchemy's classes do not: a deadlock arrives as a plain
`DBAPIError`, a misspelt column on SQLite as an `OperationalError`.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

FAULTS: Final = (DBAPIError, PoolTimeout, OSError)
"""What a database in trouble raises; `is_transient` tells which of them pass."""

# connection, rollback (deadlock), resources, lock not had, intervention (shutdown), the machine
_PASSING_CLASSES: Final = frozenset({"08", "40", "53", "55", "57", "58"})
# busy, locked, no memory, read-only, interrupted, I/O error, full, cannot open, lock protocol
_PASSING_CODES: Final = frozenset({5, 6, 7, 8, 9, 10, 13, 14, 15})


def is_transient(error: BaseException) -> bool:
    """Return whether `error` says that the database could not, and not that it would not.

    An `OSError` is one (no connection; a statement's `TimeoutError`), and so is a pool with no
    connection left.
    """
    if not isinstance(error, DBAPIError):
        return isinstance(error, FAULTS)
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate:
        return str(sqlstate)[:2] in _PASSING_CLASSES
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code:
        return code & 0xFF in _PASSING_CODES
    return isinstance(error, (OperationalError, InterfaceError))  # a connection that is gone
