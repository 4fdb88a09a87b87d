"""Idempotency: the same key, actor and command again gets the first answer, for 30 days.

The table stands in the journal's file, so that an answer is remembered in the very transaction
that made it true. A key is found by 8 bytes of its hash; 4 more bytes of it, and 8 of the command's
digest, decide.
"""

from hashlib import sha256
from typing import Final, NamedTuple

from agent.journal.database import Connection
from wire.problems import Refusal

KEPT_S: Final = 30 * 24 * 3600
PRUNED_MAX: Final = 2000
"""Rows deleted in one transaction: it must not make a clerk wait."""
CHECK_BYTES: Final = 4
DIGEST_BYTES: Final = 8
"""It tells a key used twice by mistake, nothing else depends on it."""


class Place(NamedTuple):
    """Where the answer to a keyed command belongs."""

    key: int
    check: bytes
    digest: bytes


def place(key: str, actor: str, digest: bytes) -> Place:
    """Name the place of (key, actor) for a command with this digest (32 bytes)."""
    named = sha256(f"{actor}\0{key}".encode()).digest()
    return Place(
        int.from_bytes(named[:8], "big", signed=True),
        named[8 : 8 + CHECK_BYTES],
        digest[:DIGEST_BYTES],
    )


def find(connection: Connection, wanted: Place) -> bytes | None:
    """The first answer, None when there was none.

    Raises Refusal `key-reused` when the key came with another command.
    """
    for check, result in connection.execute(
        "SELECT check_, result FROM answered WHERE key = ?", (wanted.key,)
    ):
        if check[:CHECK_BYTES] != wanted.check:
            continue
        if check[CHECK_BYTES:] != wanted.digest:
            raise Refusal("key-reused")
        return bytes(result)
    return None


def keep(connection: Connection, wanted: Place, now_ms: int, result: bytes) -> None:
    """Remember an answer."""
    connection.execute(
        "INSERT INTO answered(key, check_, at_s, result) VALUES (?, ?, ?, ?)",
        (wanted.key, wanted.check + wanted.digest, now_ms // 1000, result),
    )


def prune(connection: Connection, now_ms: int) -> int:
    """Forget the oldest answers that are over; return how many. Looks at the oldest only."""
    cursor = connection.execute(
        "DELETE FROM answered WHERE at_s < ? AND no IN"
        " (SELECT no FROM answered ORDER BY no LIMIT ?)",
        (now_ms // 1000 - KEPT_S, PRUNED_MAX),
    )
    return int(cursor.rowcount)
