"""What only the command line may ask for, through the Unix socket."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath, JSONBody

from agent.web.answers import json_answer
from agent.web.limits import SYNC_WAIT_S_MAX
from agent.web.parts import Given, Parts
from agent.web.shapes import (
    BackedUp,
    BackupAsked,
    Done,
    NewPin,
    NewUsers,
    Rebuilt,
    SyncAsked,
    SyncDone,
    UserList,
    UserShape,
)
from agent.web.texts import TEXTS
from wire.problems import FieldError, Refusal

LOOK_S = 0.2
"""A document takes seconds to arrive; nobody is told sooner than this."""
SOCKET_ONLY = {"access": "socket"}
AnyRequest = Request[Any, Any, Any]


@post("/api/sync", opt=SOCKET_ONLY, status_code=200)
async def sync(data: JSONBody[SyncAsked], parts: Given[Parts]) -> Response[bytes]:
    """Deliver now; answers when nothing is left, or when the time has run out."""
    if not 0 <= data.wait_s <= SYNC_WAIT_S_MAX:
        text = TEXTS["field.range"].format(low=0, high=SYNC_WAIT_S_MAX)
        raise Refusal("field-invalid", errors=[FieldError("wait_s", "field-invalid", text)])
    parts.sync_now()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(data.wait_s):
            while parts.journal.backlog_events:
                await parts.journal.wait_change()
            await parts.documents.all_arrived(LOOK_S)
    journal = parts.journal
    left = journal.head.seq, journal.delivered.seq, journal.backlog_events
    return json_answer(SyncDone(*left, await parts.documents.waiting()))


@post("/api/rebuild", opt=SOCKET_ONLY, status_code=200)
async def rebuild(parts: Given[Parts]) -> Response[bytes]:
    """Build the views anew from the journal."""
    return json_answer(Rebuilt(True, await parts.rebuild()))


@post("/api/backup", opt=SOCKET_ONLY, status_code=200)
async def backup(data: JSONBody[BackupAsked], parts: Given[Parts]) -> Response[bytes]:
    """Copy the journal to a file of the daemon's machine."""
    target = Path(data.file)
    if not target.is_absolute():
        text = TEXTS["field.wrong"]
        raise Refusal("field-invalid", errors=[FieldError("file", "field-invalid", text)])
    copied = await parts.backup(str(target))
    return json_answer(BackedUp(True, str(target), copied))


@post("/api/prove", opt=SOCKET_ONLY, status_code=200)
async def prove(parts: Given[Parts]) -> Response[bytes]:
    """Get a receipt statement of now from the province, if it answers soon."""
    return json_answer(Done(await parts.prove()))


@get("/api/users", opt=SOCKET_ONLY)
async def list_users(parts: Given[Parts]) -> Response[bytes]:
    """List the users."""
    users = await parts.users.all()
    return json_answer(
        UserList(tuple(UserShape(u.name, u.role, u.display, u.active) for u in users))
    )


@post("/api/users", opt=SOCKET_ONLY, status_code=200)
async def add_users(data: JSONBody[NewUsers], parts: Given[Parts]) -> Response[bytes]:
    """Add users: all of them, or none."""
    await parts.users.add(data.users)
    return json_answer(Done())


@post("/api/users/{name:str}/pin", opt=SOCKET_ONLY, status_code=200)
async def set_pin(
    name: FromPath[str], data: JSONBody[NewPin], parts: Given[Parts]
) -> Response[bytes]:
    """Give a user a new PIN; open sessions of that user end."""
    await parts.users.set_pin(name, data.pin)
    parts.sessions.close_user(name)
    return json_answer(Done())


@post("/api/users/{name:str}/disable", opt=SOCKET_ONLY, status_code=200)
async def disable_user(name: FromPath[str], parts: Given[Parts]) -> Response[bytes]:
    """End a user's right to sign in, and the open sessions."""
    await parts.users.disable(name)
    parts.sessions.close_user(name)
    return json_answer(Done())
