"""Idempotency: the same key, actor and command again gets the first answer, for 30 days.

The table stands in the journal's file, so that an answer is remembered in the very transaction
that made it true. 8 bytes of its hash stand for a key: with a million keys in those 30 days, one
command in 10^13 would be refused as a key used twice. 4 bytes of the command's digest tell whether
it was. Most answers are the position of the event they speak of.
"""

import struct
from hashlib import sha256
from typing import Final, NamedTuple

from agent.journal.database import Connection
from wire.problems import Refusal

KEPT_S: Final = 30 * 24 * 3600
PRUNED_MAX: Final = 2000
"""Rows looked at in one transaction: it must not make a clerk wait."""
FIRST: Final = -(1 << 63)
"""Where looking through the table begins: the smallest key."""

_KEY: Final = struct.Struct(">q")
_DIGEST: Final = struct.Struct(">i")


class Place(NamedTuple):
    """Where the answer to a keyed command belongs."""

    key: int
    digest: int


class Answer(NamedTuple):
    """An answer: the position of the event that says it, or 0 and the answer itself."""

    pos: int
    result: bytes | None


def place(key: str, actor: str, digest: bytes) -> Place:
    """Name the place of (key, actor) for a command with this digest (32 bytes)."""
    named = sha256(f"{actor}\0{key}".encode()).digest()
    return Place(*_KEY.unpack_from(named), *_DIGEST.unpack_from(digest))


def find(connection: Connection, wanted: Place) -> Answer | None:
    """The first answer, None when there was none.

    Raises Refusal `key-reused` when the key came with another command.
    """
    row = connection.execute(
        "SELECT digest, pos, result FROM answered WHERE key = ?", (wanted.key,)
    ).fetchone()
    if row is None:
        return None
    if row[0] != wanted.digest:
        raise Refusal("key-reused")
    return Answer(row[1], row[2])


def keep(connection: Connection, wanted: Place, now_ms: int, answer: Answer) -> None:
    """Remember an answer."""
    connection.execute(
        "INSERT INTO answered(key, digest, at_s, pos, result) VALUES (?, ?, ?, ?, ?)",
        (*wanted, now_ms // 1000, *answer),
    )


def prune(connection: Connection, now_ms: int, after: int = FIRST) -> tuple[int | None, int]:
    """Look at the next keys from `after` on and forget answers that are over.

    Return where to go on, None at the end, and how many were forgotten.
    """
    keys = connection.execute(
        "SELECT key FROM answered WHERE key >= ? ORDER BY key LIMIT 1 OFFSET ?", (after, PRUNED_MAX)
    ).fetchone()
    beyond = "" if keys is None else " AND key < ?"
    cursor = connection.execute(
        f"DELETE FROM answered WHERE key >= ?{beyond} AND at_s < ?",  # noqa: S608
        (after, *(keys or ()), now_ms // 1000 - KEPT_S),
    )
    return (None if keys is None else keys[0]), int(cursor.rowcount)
