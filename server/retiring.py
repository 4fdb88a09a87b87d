"""Former sealing keys: who still needs them, when they are due to go, and their end.

A retired key opens until every device that is not revoked has shown that it holds a later
statement, at most 24 months (docs/protocol.md section 11): what was recorded on the line before
then stays closed for ever after, also to whoever takes the server. The signing key that only the
holders of such a statement know goes with it; statements that it signed can still be checked.

The database is put back from copies now and then, the keys are not: what was destroyed is written
down beside them, in `destroyed.txt`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Final

from msgspec import Struct
from sqlalchemy import func, select

from server import keys
from server.context import ServerContext
from server.store.tables import device, office
from wire import statements
from wire.event import format_time
from wire.keys import SealingKey, SigningKey, device10
from wire.statements import Province

MONTHS_MAX: Final = 24
RETIRED_MS_MAX: Final = MONTHS_MAX * 30 * 86_400_000
RECORD: Final = "destroyed.txt"


class Holder(Struct, frozen=True):
    """A device that last showed an older statement, as people see it."""

    device: str
    office: str
    seen_ms: int | None


class Retired(Struct, frozen=True, kw_only=True):
    """A former statement whose sealing key is still kept; `holders` may still seal to it.

    `retired_ms`: since when the next statement is valid; `due`: nobody needs it, or 24 months are
    over.
    """

    n: int
    retired_ms: int
    holders: tuple[Holder, ...]
    due: bool


async def retired(ctx: ServerContext) -> list[Retired]:
    """Return the former statements whose keys are kept, the oldest first."""
    now_ms = ctx.now_ms()
    found = []
    for each in sorted(ctx.keys.former, key=lambda former: former.n):
        since_ms = _followed_ms(ctx, each.n)
        holders = await _holders(ctx, each.n)
        over = now_ms - since_ms >= RETIRED_MS_MAX
        due = over or not holders
        found.append(Retired(n=each.n, retired_ms=since_ms, holders=holders, due=due))
    return found


async def destroy(ctx: ServerContext) -> list[int]:
    """Destroy the keys that are due, durably; return the numbers of their statements.

    A server that runs goes on with `without`. Raises OSError.
    """
    await asyncio.to_thread(sweep, ctx.config.keys_dir)
    due = [each.n for each in await retired(ctx) if each.due]
    for n in due:
        await asyncio.to_thread(_destroy, ctx, n, format_time(ctx.now_ms()))
    return due


def without(ctx: ServerContext, gone: Collection[int]) -> ServerContext:
    """Return the server without the keys of these former statements."""
    former = tuple(each for each in ctx.keys.former if each.n not in gone)
    sealing = (ctx.keys.sealing[0], *(each.sealing for each in former))
    return replace(ctx, keys=replace(ctx.keys, former=former, sealing=sealing))


async def _holders(ctx: ServerContext, n: int) -> tuple[Holder, ...]:
    """Return who last showed statement n or an older one; a device never heard counts as such."""
    query = (
        select(device.c.device_id, device.c.seen_ms, office.c.code)
        .join(office, office.c.office_id == device.c.office_id)
        .where(device.c.state != "revoked", func.coalesce(device.c.province_n, 0) <= n)
        .order_by(office.c.code, device.c.device_id)
    )
    async with ctx.store.read() as conn:
        rows = (await conn.execute(query)).all()
    return tuple(Holder(device10(row.device_id), row.code, row.seen_ms) for row in rows)


def _followed_ms(ctx: ServerContext, n: int) -> int:
    later = min(at for at in ctx.keys.stated if at > n)
    return statements.read_unverified(ctx.keys.stated[later], Province).valid_from_ms


def _destroy(ctx: ServerContext, n: int, at: str) -> None:
    """Overwrite and unlink the key files of one statement, then note that it was done.

    Files are found by what is in them; what a cut leaves, the next run finds (`sweep`). Of several
    runs, as of two workers, one notes it.
    """
    folder = ctx.config.keys_dir
    gone = next(each for each in ctx.keys.former if each.n == n)
    kept = [each for each in ctx.keys.former if each.n != n]
    signs = {ctx.keys.signing.public, *(each.signing.public for each in kept)}
    files = [file for file in _files(folder, "sealing") if _sealing(file) == gone.sealing.public]
    if gone.signing.public not in signs:
        files += [file for file in _files(folder, "signing") if _signs(file) == gone.signing.public]
    for file in files:
        _wipe(file)
    _note(folder / RECORD, at, f" {n} {gone.sealing.kid.hex()}\n")
    _sync(folder)


def _note(record: Path, at: str, what: str) -> None:
    with record.open("a+", encoding="ascii") as opened:
        opened.seek(0)
        if any(line.endswith(what) for line in opened):
            return
        opened.write(at + what)
        opened.flush()
        os.fsync(opened.fileno())


def _files(folder: Path, name: str) -> list[Path]:
    return sorted({*folder.glob(f"{name}.key"), *folder.glob(f"{name}-*.key")})


def _sealing(file: Path) -> bytes:
    return SealingKey(keys.secret(file)).public


def _signs(file: Path) -> bytes:
    return SigningKey(keys.secret(file)).public


def _wipe(file: Path) -> None:
    """Make a secret unreadable where it lies, as far as the disk lets a program do that.

    It loses its name first: a cut between the two leaves no file with half a key.
    """
    doomed = file.with_name(f".{file.name}.gone")
    file.replace(doomed)
    _sync(file.parent)
    _overwrite(doomed)


def _overwrite(doomed: Path) -> None:
    with doomed.open("r+b") as opened:
        opened.write(bytes(keys.KEY_BYTES))
        opened.flush()
        os.fsync(opened.fileno())
    doomed.unlink()
    _sync(doomed.parent)


def sweep(folder: Path) -> None:
    """Finish what a cut left of keys that had lost their name."""
    for doomed in folder.glob(".*.key.gone"):
        _overwrite(doomed)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
