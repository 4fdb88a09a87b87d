"""A database that could not, and a statement that never will: told apart on both databases."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from server.context import ServerContext
from server.main import open_database
from server.store.tables import feed_counter
from server.store.transient import is_transient
from tests.server.province import Device, new_device, restored
from tests.server.test_http import served
from wire.plaintext import Problem

Work = Callable[[AsyncConnection], Awaitable[object]]


def said(**members: object) -> Exception:
    """Return what a driver raises, with its own number."""
    error = Exception("said by the driver")
    for name, value in members.items():
        setattr(error, name, value)
    return error


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (DBAPIError("", {}, said(sqlstate="40P01")), True),
        (DBAPIError("", {}, said(sqlstate="57P01")), True),
        (DBAPIError("", {}, said(sqlstate="53300")), True),
        (DBAPIError("", {}, said(sqlstate="22P05")), False),
        (IntegrityError("", {}, said(sqlstate="23505")), False),
        (OperationalError("", {}, said(sqlite_errorcode=5 | 2 << 8)), True),
        (OperationalError("", {}, said(sqlite_errorcode=13)), True),
        (OperationalError("", {}, said(sqlite_errorcode=1)), False),
        (InterfaceError("", {}, said(sqlstate=None)), True),
        (DBAPIError("", {}, said()), False),
        (PoolTimeout("no connection left"), True),
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (ValueError("a fold's own"), False),
    ],
)
def test_what_passes_is_known_by_its_number(error: Exception, passes: bool) -> None:
    assert is_transient(error) is passes


def failing(work: Work) -> Any:
    """Return a projector that does this."""

    async def project(conn: AsyncConnection, *_args: object) -> Sequence[Problem]:
        await work(conn)
        return []

    return project


async def a_deadlock(conn: AsyncConnection) -> None:
    """Fail as the loser of a deadlock does: on PostgreSQL with its own words."""
    if conn.dialect.name == "postgresql":
        await conn.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$")
    raise OperationalError("", {}, said(sqlite_errorcode=6))


async def a_typing_error(conn: AsyncConnection) -> None:
    await conn.execute(sa.text("SELECT nothing FROM nowhere"))


async def problems_of(ctx: ServerContext, device: Device) -> list[str]:
    return [problem.code for problem in (await device.sync()).problems]


async def test_the_loser_of_a_deadlock_is_asked_to_come_again_and_loses_nothing(
    ctx: ServerContext,
) -> None:
    device = await new_device(ctx)
    device.note()
    async with served(replace(ctx, project=failing(a_deadlock))) as door:
        status, headers, body = await door.post("/v1/exchange", device.seal(device.up()))
    assert (status, json.loads(body)["code"]) == (503, "busy")
    assert "retry-after" in headers
    ctx = await reopened(ctx)
    device = restored(device, ctx)
    down = await device.sync()
    assert (down.receipt, down.problems) == (device.head, ())
    await ctx.store.close()


async def a_damaged_page(_conn: AsyncConnection) -> None:
    raise DBAPIError("", {}, said(sqlite_errorcode=11))


async def test_a_damaged_page_is_no_fault_of_the_events_that_met_it(ctx: ServerContext) -> None:
    device = await new_device(replace(ctx, project=failing(a_damaged_page)))
    device.note()
    with pytest.raises(DBAPIError):
        await device.sync()
    assert (await restored(device, ctx).sync()).problems == ()


async def reopened(ctx: ServerContext) -> ServerContext:
    """Return the province again: who serves closes its database at the end."""
    return replace(ctx, store=await open_database(ctx.config))


async def test_a_statement_that_never_goes_well_is_a_problem_of_its_events(
    ctx: ServerContext,
) -> None:
    device = await new_device(replace(ctx, project=failing(a_typing_error)))
    device.note()
    assert await problems_of(ctx, device) == ["projection-failed"]
    assert (await device.sync()).receipt == device.head


async def test_a_statement_nobody_can_run_is_an_accident_and_not_a_busy_database(
    ctx: ServerContext,
) -> None:
    device = await new_device(ctx)
    async with ctx.store.write() as conn:
        await conn.execute(sa.schema.DropTable(feed_counter))
    device.note()
    async with served(ctx) as door:
        status, headers, body = await door.post("/v1/exchange", device.seal(device.up()))
    assert (status, json.loads(body)["code"]) == (500, "internal")
    assert "retry-after" not in headers
