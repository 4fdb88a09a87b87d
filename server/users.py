"""People of the province: names, roles, passwords under Argon2id (RFC 9106)."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Any, Literal, get_args

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.context import ServerContext
from server.store.access_tables import user as table
from server.store.tables import PROVINCE
from wire.problems import Refusal

Role = Literal["viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

# RFC 9106 section 4, second recommended option: for places with little memory.
_LANES = 4
_ITERATIONS = 3
_MEMORY_KIB = 64 << 10
_SALT_BYTES = 16
_HASH_BYTES = 32

# What an unknown name is checked against; nobody is let in by it, it only takes its time.
_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4"
    "$AAAAAAAAAAAAAAAAAAAAAA$86fl6Tqie9FZudBlIoilc3dBT9UYeZUkIn8Lts/ha3Y"
)


async def add(ctx: ServerContext, *, name: str, role: Role, password: str) -> None:
    """Make a person, or give an existing one this password and role and let them in again."""
    salt = ctx.random_bytes(_SALT_BYTES)
    phc = await asyncio.to_thread(_hash, password, salt)
    here = (table.c.office_id == PROVINCE) & (table.c.name == name)
    values = {"role": role, "password_hash": phc, "disabled_ms": None}
    async with ctx.store.write() as conn:
        changed = await conn.execute(table.update().where(here).values(**values))
        if changed.rowcount == 0:
            row = {"office_id": PROVINCE, "name": name, "created_ms": ctx.now_ms(), **values}
            await conn.execute(table.insert(), row)


async def set_password(ctx: ServerContext, name: str, password: str) -> None:
    """Give a person a new password, which ends what is open. Raises Refusal user-unknown."""
    salt = ctx.random_bytes(_SALT_BYTES)
    phc = await asyncio.to_thread(_hash, password, salt)
    await _change(ctx, name, password_hash=phc)


async def disable(ctx: ServerContext, name: str) -> None:
    """Let a person in no more, from their next request on. Raises Refusal user-unknown.

    Once more changes nothing; `add` lets them in again.
    """
    await _change(ctx, name, disabled_ms=func.coalesce(table.c.disabled_ms, ctx.now_ms()))


async def _change(ctx: ServerContext, name: str, **values: object) -> None:
    here = (table.c.office_id == PROVINCE) & (table.c.name == name)
    async with ctx.store.write() as conn:
        changed = await conn.execute(table.update().where(here).values(**values))
    if changed.rowcount == 0:
        raise Refusal("user-unknown", name)


class Listed(Struct, frozen=True):
    """A person as a list shows them; times are milliseconds since the epoch."""

    name: str
    role: Role
    created_ms: int
    disabled_ms: int | None


async def listed(conn: AsyncConnection) -> list[Listed]:
    """Return everybody, by name."""
    columns = (table.c.name, table.c.role, table.c.created_ms, table.c.disabled_ms)
    return [Listed(*row) for row in await conn.execute(select(*columns).order_by(table.c.name))]


class Person(Struct, frozen=True):
    """Somebody who may come in; `stamp` is another one after every new password."""

    role: Role
    stamp: bytes


async def present(conn: AsyncConnection, name: str) -> Person | None:
    """Return a person as they are now, None for one who is unknown or disabled."""
    row = await _row(conn, name)
    return None if row is None else _person(row)


async def check(conn: AsyncConnection, name: str, password: str) -> Person | None:
    """Return a person whose password is right, else None.

    An unknown name costs as much time as a wrong password.
    """
    row = await _row(conn, name)
    phc = _NOBODY if row is None else row.password_hash
    right = await asyncio.to_thread(_verify, password, phc)
    return None if row is None or not right else _person(row)


async def _row(conn: AsyncConnection, name: str) -> Any:
    found = await conn.execute(
        select(table.c.role, table.c.password_hash).where(
            table.c.office_id == PROVINCE, table.c.name == name, table.c.disabled_ms.is_(None)
        )
    )
    return found.one_or_none()


def _person(row: Any) -> Person:
    return Person(row.role, sha256(row.password_hash.encode()).digest())


def _hash(password: str, salt: bytes) -> str:
    derived = Argon2id(
        salt=salt,
        length=_HASH_BYTES,
        iterations=_ITERATIONS,
        lanes=_LANES,
        memory_cost=_MEMORY_KIB,
    )
    return derived.derive_phc_encoded(password.encode())


def _verify(password: str, phc: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.encode(), phc)
    except InvalidKey:
        return False
    return True
