"""Numbers that two dossiers bear stand beside each other at the province until they differ."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from server import conflicts, numbers_twice, users
from server.cli.opening import opened
from server.config import Config, load
from server.context import ServerContext
from server.numbers_twice import Twice
from server.projections import project
from tests.server.browser import HTML, PASSWORD, Browser
from tests.server.province import Device, FakeClock, new_device, open_province
from tests.server.test_cli import Operator
from tests.server.test_desk_dossiers import ASSIGNED, CODE, RECEIVED, act, tell
from tests.server.test_http import served
from wire.chain import event_id
from wire.keys import device10

BOTH = RECEIVED | {"code": CODE}


@pytest.fixture
async def ctx(config: Config, clock: FakeClock) -> AsyncIterator[ServerContext]:
    """A province that projects."""
    context = await open_province(config, clock, project)
    yield context
    await context.store.close()


async def given_twice(ctx: ServerContext) -> Device:
    """Let an office give code and place in the register to two dossiers."""
    device = await new_device(ctx)
    for _ in range(2):
        await act(device, "dossier.received", **BOTH)
    return device


async def listed(ctx: ServerContext, office_id: bytes | None = None) -> list[Twice]:
    async with ctx.store.read() as conn:
        return await numbers_twice.listed(conn, office_id)


def id_of(device: Device, seq: int) -> UUID:
    return event_id(device.place(seq).hash)


async def test_a_code_and_a_place_are_listed_with_who_took_them_where_and_when(
    ctx: ServerContext,
) -> None:
    device = await given_twice(ctx)
    other = await new_device(ctx, seed=3, code="H26.108")
    await act(other, "dossier.received", **BOTH)
    code, book = await listed(ctx)
    assert (code.office, code.kind, code.number) == ("H26.107", "code", CODE)
    assert (book.kind, book.number) == ("book", "2026/1/1")
    assert {each.dossier for each in code.records} == {str(id_of(device, n)) for n in (1, 2)}
    assert {(each.by, each.device) for each in book.records} == {
        ("lan.nt", device10(device.device_id))
    }
    assert all(each.at.startswith("2026-11-") for each in code.records)
    assert await listed(ctx, other.office) == []


async def test_a_pair_is_gone_once_one_has_another_number(ctx: ServerContext) -> None:
    device = await given_twice(ctx)
    await act(device, "dossier.corrected", 2, set={"book": "1/58"}, reason="Trùng số")
    assert [one.kind for one in await listed(ctx)] == ["code"]
    await tell(device, "numbers.mapped", dossier=str(id_of(device, 2)), code=CODE[:-4] + "9002")
    async with ctx.store.read() as conn:
        (crossed,) = await conflicts.listed(conn)
    await conflicts.settle(ctx, crossed.kept.id, "province", "Trùng mã", None)
    assert await listed(ctx) == []


async def test_a_withdrawn_one_leaves_the_number_to_the_other(ctx: ServerContext) -> None:
    device = await given_twice(ctx)
    await act(device, "dossier.withdrawn", 1, reason="Ghi trùng")
    assert await listed(ctx) == []


async def test_of_what_the_province_assigned_nobody_at_the_office_is_named(
    ctx: ServerContext,
) -> None:
    device = await new_device(ctx)
    await tell(device, "dossier.assigned", **ASSIGNED)
    await act(device, "dossier.received", **BOTH)
    (code,) = await listed(ctx)
    assert sorted(each.by or "" for each in code.records) == ["", "lan.nt"]


async def test_the_page_of_the_office_names_both(ctx: ServerContext) -> None:
    device = await given_twice(ctx)
    await users.add(ctx, name="operator", role="operator", password=PASSWORD)
    async with (
        served(ctx) as door,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{door.port}", headers=HTML) as http,
    ):
        await Browser(http).sign_in()
        page = (await http.get("/offices/H26.107")).text
    assert f"{CODE}: lan.nt" in page
    assert all(str(id_of(device, seq)) in page for seq in (1, 2))
    assert "Hai hồ sơ mang cùng một số" in page


def test_an_operator_lists_them_by_command(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.types("migrate")
    assert json.loads(operator.types("numbers", "--json").stdout) == {"numbers": []}
    asyncio.run(_give(load(operator.config)))
    told = json.loads(operator.types("numbers", "--office", "H26.107", "--json").stdout)["numbers"]
    assert [(one["kind"], len(one["records"])) for one in told] == [("code", 2), ("book", 2)]
    said = operator.types("numbers")
    assert said.stdout.count("lan.nt") == 4
    assert "numbers.mapped" in said.stderr


async def _give(config: Config) -> None:
    async with opened(config) as ctx:
        await given_twice(ctx)
