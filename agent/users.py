"""Who may sign in at the pages: a local table, PINs as Argon2id verifiers.

A PIN is short, so what protects it is the cost of each try (here) and the waiting after wrong
ones (agent/web/backoff.py), and that the table lies in the encrypted file.
"""

import asyncio
import hmac
import re
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msgspec import Struct

from agent.journal import Journal, Transaction
from agent.journal.database import Connection
from wire.problems import FieldError, Refusal
from wire.texts import load

ARGON2_MEMORY_KIB: Final = 19_456
ARGON2_PASSES: Final = 2
"""OWASP's least for Argon2id with one lane: 19 MiB, two passes; some 50 ms on an office's box."""
SALT_BYTES: Final = 16
VERIFIER_BYTES: Final = 32
PIN_CHARS_MIN: Final = 6
PIN_CHARS_MAX: Final = 64
ROLES: Final = frozenset({"clerk", "supervisor", "technician"})
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")
TEXTS: Final = load("agent", "messages_core.toml")


class User(Struct, frozen=True):
    """A user as others may see one; never the PIN."""

    name: str
    role: str
    display: str
    active: bool


class NewUser(Protocol):
    """What is said of a user to be added."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def role(self) -> str: ...  # noqa: D102
    @property
    def pin(self) -> str: ...  # noqa: D102
    @property
    def display(self) -> str: ...  # noqa: D102


class Users:
    """The users of this office."""

    def __init__(self, journal: Journal, random: Callable[[int], bytes]) -> None:
        self._journal = journal
        self._random = random
        self._nobody = random(SALT_BYTES)

    async def add(self, users: Sequence[NewUser]) -> None:
        """Add users, all of them or none.

        Raises Refusal: `field-invalid` with every wrong place, `user-exists`.
        """
        errors = _errors(users)
        if errors:
            raise Refusal(errors[0].code, errors=errors)
        rows = []
        for user in users:
            salt, verifier = await self._made(user.pin)
            rows.append((user.name, user.role, user.display or user.name, salt, verifier))
        await self._journal.write(lambda transaction: _insert(transaction, rows))

    async def set_pin(self, name: str, pin: str) -> None:
        """Give a user a new PIN. Raises Refusal: `user-unknown`, `field-invalid`."""
        if not PIN_CHARS_MIN <= len(pin) <= PIN_CHARS_MAX:
            raise Refusal("field-invalid", errors=[_wrong("pin", "pin")])
        salt, verifier = await self._made(pin)
        statement = "UPDATE user SET salt = ?, verifier = ? WHERE name = ?"
        await self._change(statement, salt, verifier, name)

    async def disable(self, name: str) -> None:
        """End a user's right to sign in. Raises Refusal `user-unknown`."""
        await self._change("UPDATE user SET disabled = 1 WHERE name = ?", name)

    async def all(self) -> list[User]:
        """Every user, by name."""
        return await self._journal.read(_all)

    async def check(self, name: str, pin: str) -> User | None:
        """The user whose name and PIN these are, else None; it takes as long for a made-up name."""
        row = await self._journal.read(
            lambda connection: connection.execute(
                "SELECT role, display, salt, verifier, disabled FROM user WHERE name = ?", (name,)
            ).fetchone()
        )
        role, display, salt, verifier, disabled = row or ("", "", self._nobody, b"", 1)
        made = await asyncio.to_thread(verifier_of, pin, salt)
        if not hmac.compare_digest(made, verifier) or disabled:
            return None
        return User(name, role, display, active=True)

    async def _made(self, pin: str) -> tuple[bytes, bytes]:
        salt = self._random(SALT_BYTES)
        return salt, await asyncio.to_thread(verifier_of, pin, salt)

    async def _change(self, statement: str, *values: object) -> None:
        def job(transaction: Transaction) -> None:
            if transaction.conn.execute(statement, values).rowcount == 0:
                raise Refusal("user-unknown", str(values[-1]))

        await self._journal.write(job)


def verifier_of(pin: str, salt: bytes) -> bytes:
    """Argon2id (RFC 9106) of a PIN."""
    kdf = Argon2id(
        salt=salt,
        length=VERIFIER_BYTES,
        iterations=ARGON2_PASSES,
        lanes=1,
        memory_cost=ARGON2_MEMORY_KIB,
    )
    return kdf.derive(pin.encode("utf-8"))


def _all(connection: Connection) -> list[User]:
    rows = connection.execute("SELECT name, role, display, disabled FROM user ORDER BY name")
    return [User(name, role, display, not disabled) for name, role, display, disabled in rows]


def _insert(transaction: Transaction, rows: Sequence[tuple[str, str, str, bytes, bytes]]) -> None:
    for row in rows:
        held = transaction.conn.execute("SELECT 1 FROM user WHERE name = ?", row[:1]).fetchone()
        if held is not None:
            raise Refusal("user-exists", row[0])
        transaction.conn.execute(
            "INSERT INTO user(name, role, display, salt, verifier, disabled)"
            " VALUES (?, ?, ?, ?, ?, 0)",
            row,
        )


def _errors(users: Sequence[NewUser]) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for number, user in enumerate(users):
        at = f"users[{number}]"
        if not NAME.fullmatch(user.name):
            errors.append(_wrong(f"{at}.name", "name"))
        if user.name in seen:
            errors.append(_wrong(f"{at}.name", "twice", name=user.name))
        if user.role not in ROLES:
            errors.append(_wrong(f"{at}.role", "role"))
        if not PIN_CHARS_MIN <= len(user.pin) <= PIN_CHARS_MAX:
            errors.append(_wrong(f"{at}.pin", "pin"))
        seen.add(user.name)
    return errors


def _wrong(path: str, key: str, **words: object) -> FieldError:
    return FieldError(path, "field-invalid", TEXTS[f"user.{key}"].format(**words))
