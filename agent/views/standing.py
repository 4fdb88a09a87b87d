"""What the province has set and still stands: catalogue, calendar, leases, orders, notices.

The table names the event that says so; the body is read from the event. Kinds whose newest word
replaces the one before are kept by their name (`procedure.set` also by version, because a dossier
keeps the version it was received under); of the others every word is kept, because the rules of
records fold them (leases, calendar, orders).
"""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from agent.journal.database import Connection
from agent.views import stored
from agent.views.stored import COLUMNS, ReadEvent, StoredEvent
from records.catalogue import Procedure
from records.desk_events import (
    ChecklistSet,
    NoticePublished,
    OfficeProfile,
    PolicyRevoked,
    PolicySet,
    UserSet,
)

T = TypeVar("T", bound=msgspec.Struct)

KINDS = frozenset(
    {
        "policy.set", "policy.revoked", "procedure.set", "calendar.set", "numbers.leased",
        "notice.published", "checklist.set", "user.set", "office.recoded", "office.profile",
        "device.revoked", "successor.named", "desk.opened",
    }
)  # fmt: skip


def keep(connection: Connection, read: ReadEvent) -> None:
    """Note where the province's word stands."""
    connection.executemany(
        "INSERT OR REPLACE INTO standing VALUES (?, ?, ?)",
        [(read.event.kind, key, read.stored.pos) for key in _keys(read)],
    )


def _keys(read: ReadEvent) -> Iterable[str]:
    match read.body:
        case Procedure(code=code, version=version):
            return (code, f"{code}@{version}")
        case ChecklistSet(checklist=name) | UserSet(name=name):
            return (name,)
        case OfficeProfile():
            return ("",)
        case _:
            return (f"{read.stored.pos:012d}",)


def bodies(connection: Connection, kind: str, body: type[T]) -> list[T]:
    """Every standing word of a kind, in the order of arrival."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM standing s JOIN event e ON e.pos = s.pos WHERE s.kind = ?"  # noqa: S608
        " ORDER BY e.pos",
        (kind,),
    )
    read = (stored.read(StoredEvent(*row)) for row in rows)
    return [item.body for item in read if item is not None and isinstance(item.body, body)]


def one(connection: Connection, kind: str, key: str, body: type[T]) -> T | None:
    """The standing word of a kind under a key."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM standing s JOIN event e ON e.pos = s.pos"  # noqa: S608
        " WHERE s.kind = ? AND s.key = ?",
        (kind, key),
    ).fetchone()
    read = stored.read(StoredEvent(*row)) if row else None
    return read.body if read is not None and isinstance(read.body, body) else None


def procedures(connection: Connection) -> list[Procedure]:
    """The catalogue: the newest version of each procedure, by code."""
    newest = {
        procedure.code: procedure for procedure in bodies(connection, "procedure.set", Procedure)
    }
    return [newest[code] for code in sorted(newest)]


def notices(connection: Connection) -> list[NoticePublished]:
    """Every notice, oldest first; those past their `until` are left to the reader."""
    return bodies(connection, "notice.published", NoticePublished)


def orders(connection: Connection) -> list[PolicySet]:
    """Orders that were not revoked after they were last published, oldest first.

    An order published again stands once, with its newest parts; parts it does not name keep what
    the same order said before.
    """
    standing: dict[str, PolicySet] = {}
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM standing s JOIN event e ON e.pos = s.pos"  # noqa: S608
        " WHERE s.kind IN ('policy.set', 'policy.revoked') ORDER BY e.pos"
    )
    for row in rows:
        read = stored.read(StoredEvent(*row))
        if read is None:
            continue
        if isinstance(read.body, PolicyRevoked):
            standing.pop(read.body.order, None)
        elif isinstance(read.body, PolicySet):
            standing[read.body.order] = read.body
    return list(standing.values())
