"""People of the province: names, roles, passwords under Argon2id (RFC 9106)."""

from __future__ import annotations

import asyncio
from typing import Literal, get_args

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.context import ServerContext
from server.store.tables import PROVINCE
from server.store.tables import user as table

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


async def check(conn: AsyncConnection, name: str, password: str) -> Role | None:
    """Return the role of a person whose password is right, else None.

    An unknown name costs as much time as a wrong password.
    """
    found = await conn.execute(
        select(table.c.role, table.c.password_hash).where(
            table.c.office_id == PROVINCE, table.c.name == name, table.c.disabled_ms.is_(None)
        )
    )
    row = found.one_or_none()
    phc = _NOBODY if row is None else row.password_hash
    right = await asyncio.to_thread(_verify, password, phc)
    if row is None or not right:
        return None
    role: Role = row.role
    return role


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
