"""Sessions of short messages: kept in the database, so any worker can serve them (section 4.2).

The 32 secret bytes of a session are stored encrypted under a key that is derived from one outside
the database: whoever steals a copy of it reads no message. A session ends after a day by this
clock, after 1,000 requests, with a new one of the same journal, or when its device is revoked.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.keys import ServerKeys
from server.store.tables import device, session
from wire.limits import SESSION_REQUESTS_MAX, SESSION_S_MAX
from wire.plaintext import Up
from wire.problems import Refusal
from wire.short import IV_BYTES, SessionKeys
from wire.short_plaintext import Standing

_STORED = b"commune/server/session/1"


class Session(Struct, frozen=True, kw_only=True):
    """One session of a device; `standing` is what its messages leave out."""

    office_id: bytes
    kid: bytes
    device_id: bytes
    device_key: bytes
    keys: SessionKeys
    standing: Standing
    expires_ms: int

    @property
    def row(self) -> ColumnElement[bool]:
        """The condition that selects the session's row."""
        return (session.c.office_id == self.office_id) & (session.c.kid == self.kid)


async def find(conn: AsyncConnection, kid: bytes, keys: ServerKeys, now_ms: int) -> Session:
    """Return the session that a short message names. Raises Refusal session-unknown."""
    owner = (device.c.office_id == session.c.office_id) & (
        device.c.device_id == session.c.device_id
    )
    query = (
        select(session, device.c.state, device.c.device_key)
        .join(device, owner)
        .where(session.c.kid == kid)
    )
    row = (await conn.execute(query)).first()
    if row is None or row.expires_ms <= now_ms or row.state == "revoked":
        raise Refusal("session-unknown")
    bound = _bound(row.office_id, row.device_id, kid)
    try:
        secret = _cipher(keys).decrypt(row.secret[:IV_BYTES], row.secret[IV_BYTES:], bound)
    except InvalidTag:  # written under a turn key that is no longer ours
        raise Refusal("session-unknown") from None
    return Session(
        office_id=row.office_id,
        kid=kid,
        device_id=row.device_id,
        device_key=row.device_key,
        keys=SessionKeys(secret),
        standing=Standing(row.office_said, row.journal_id, row.desk_id, row.boot),
        expires_ms=row.expires_ms,
    )


async def use(conn: AsyncConnection, each: Session) -> None:
    """Count one request. The device's row must be locked. Raises Refusal session-unknown."""
    used = await conn.execute(
        session.update()
        .where(each.row, session.c.requests < SESSION_REQUESTS_MAX)
        .values(requests=session.c.requests + 1)
    )
    if used.rowcount != 1:
        raise Refusal("session-unknown")


async def begin(
    conn: AsyncConnection,
    keys: ServerKeys,
    up: Up,
    *,
    office_id: bytes,
    device_id: bytes,
    now_ms: int,
    iv: bytes,
) -> bool:
    """Store the session a full message offers; it ends the former one of the same journal.

    Returns whether it may be used: a name that another device's session already has may not.
    `iv`: 12 fresh random bytes. The device's row must be locked.
    """
    if up.session is None:
        return False
    kid = SessionKeys(up.session).kid
    await conn.execute(
        session.delete().where(
            session.c.office_id == office_id,
            session.c.device_id == device_id,
            or_(session.c.journal_id == up.journal, session.c.expires_ms <= now_ms),
        )
    )
    taken = await conn.execute(select(session.c.kid).where(session.c.kid == kid))
    if taken.first() is not None:
        return False
    secret = _cipher(keys).encrypt(iv, up.session, _bound(office_id, device_id, kid))
    await conn.execute(
        session.insert().values(
            office_id=office_id,
            kid=kid,
            device_id=device_id,
            journal_id=up.journal,
            office_said=up.office,
            desk_id=up.desk,
            boot=up.boot,
            secret=iv + secret,
            requests=0,
            expires_ms=now_ms + SESSION_S_MAX * 1_000,
        )
    )
    return True


def _cipher(keys: ServerKeys) -> AESGCM:
    return AESGCM(hmac.digest(keys.turn, _STORED, sha256))


def _bound(office_id: bytes, device_id: bytes, kid: bytes) -> bytes:
    return office_id + device_id + kid
