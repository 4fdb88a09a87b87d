"""Who may come in: tickets of new devices, tokens of readers, people of the province."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table

from server.store.columns import METADATA, bytes_, int_, text_

ticket = Table(
    "ticket",
    METADATA,
    bytes_("office_id", 16, key=True),
    bytes_("ticket_id", 8, key=True),
    bytes_("secret_hash", 32),
    Column("automatic", Boolean, nullable=False),
    int_("issued_ms"),
    int_("expires_ms"),
    bytes_("device_id", 32, null=True),
    int_("used_ms", null=True),
    Index(None, "ticket_id"),
)

# Bearer tokens of readers; only the hash of a token is kept.
token = Table(
    "token",
    METADATA,
    bytes_("office_id", 16, key=True),
    bytes_("token_hash", 32, key=True),
    text_("name"),
    text_("scope", 8),  # reports | feed | admin
    int_("created_ms"),
    int_("expires_ms", null=True),
    int_("revoked_ms", null=True),
)

# People of the province.
user = Table(
    "user_account",
    METADATA,
    bytes_("office_id", 16, key=True),
    text_("name", 64, key=True),
    text_("role", 12),  # viewer | operator | admin
    text_("password_hash"),
    int_("created_ms"),
    int_("disabled_ms", null=True),
)
