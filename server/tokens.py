"""Bearer tokens of readers: made once, shown once, kept as a hash."""

from __future__ import annotations

import base64
import hashlib
from typing import Final, Literal, get_args

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.context import ServerContext
from server.store.access_tables import token as table
from server.store.tables import PROVINCE
from wire.problems import FieldError, Refusal
from wire.texts import load

Scope = Literal["reports", "feed", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
TOKEN_BYTES = 32
"""256 bits: nothing to guess, so no slow hash is needed."""
PREFIX = "cm_"
TEXTS: Final = load("server")


class Token(Struct, frozen=True):
    """A token as a list shows it; times are milliseconds since the epoch."""

    name: str
    scope: Scope
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None


async def create(
    ctx: ServerContext, *, scope: Scope, name: str, expires_ms: int | None = None
) -> str:
    """Make a token and return its text, which is never shown again.

    `name` tells people whose it is; a name may have several, for the time of a change. Raises
    Refusal field-invalid without a name, or when it would be over already.
    """
    errors = []
    if not name.strip():
        errors.append(FieldError("name", "field-invalid", TEXTS["token.name-missing"]))
    if expires_ms is not None and expires_ms <= ctx.now_ms():
        errors.append(FieldError("expires", "field-invalid", TEXTS["token.expires-past"]))
    if errors:
        raise Refusal("field-invalid", errors=errors)
    made = base64.urlsafe_b64encode(ctx.random_bytes(TOKEN_BYTES)).rstrip(b"=").decode()
    text = PREFIX + made
    row = {
        "office_id": PROVINCE,
        "token_hash": _hash(text),
        "name": name,
        "scope": scope,
        "created_ms": ctx.now_ms(),
        "expires_ms": expires_ms,
        "revoked_ms": None,
    }
    async with ctx.store.write() as conn:
        await conn.execute(table.insert(), row)
    return text


async def listed(conn: AsyncConnection) -> list[Token]:
    """Return every token ever made, oldest first."""
    rows = await conn.execute(
        select(
            table.c.name,
            table.c.scope,
            table.c.created_ms,
            table.c.expires_ms,
            table.c.revoked_ms,
        ).order_by(table.c.created_ms, table.c.name)
    )
    return [Token(*row) for row in rows]


async def revoke(ctx: ServerContext, name: str) -> int:
    """End every token of this name and return how many there were."""
    async with ctx.store.write() as conn:
        done = await conn.execute(
            table.update()
            .where(
                table.c.office_id == PROVINCE,
                table.c.name == name,
                table.c.revoked_ms.is_(None),
            )
            .values(revoked_ms=ctx.now_ms())
        )
    return done.rowcount


async def check(conn: AsyncConnection, authorization: str | None, scope: Scope, now_ms: int) -> str:
    """Return the name behind an `Authorization` header that is good for `scope`.

    A token of scope `admin` opens the other scopes too.
    Raises Refusal not-signed-in (none, unknown, expired, revoked) or scope-forbidden.
    """
    kind, _, text = (authorization or "").partition(" ")
    if kind.lower() != "bearer" or not text:
        raise Refusal("not-signed-in")
    found = await conn.execute(
        select(table.c.name, table.c.scope, table.c.expires_ms, table.c.revoked_ms).where(
            table.c.office_id == PROVINCE, table.c.token_hash == _hash(text.strip())
        )
    )
    row = found.one_or_none()
    if row is None or row.revoked_ms is not None:
        raise Refusal("not-signed-in")
    if row.expires_ms is not None and row.expires_ms <= now_ms:
        raise Refusal("not-signed-in")
    if row.scope not in (scope, "admin"):
        raise Refusal("scope-forbidden", TEXTS["token.needs"].format(scope=scope, has=row.scope))
    name: str = row.name
    return name


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
