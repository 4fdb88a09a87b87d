"""An operator sees what offices and the province say differently, and says which holds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from server import conflicts, rebuilding, users
from server.cli.opening import opened
from server.config import Config, load
from server.context import ServerContext
from server.enrolment import revoke
from server.projections import project
from tests.server.browser import HTML, PASSWORD, Browser
from tests.server.province import Device, FakeClock, new_device, open_province
from tests.server.test_cli import Operator
from tests.server.test_desk import said
from tests.server.test_desk_dossiers import ASSIGNED, CODE, act, only, tell
from tests.server.test_http import served
from tests.server.test_projections import contents
from wire.problems import Refusal


@pytest.fixture
async def ctx(config: Config, clock: FakeClock) -> AsyncIterator[ServerContext]:
    """A province that projects."""
    context = await open_province(config, clock, project)
    yield context
    await context.store.close()


async def crossed(ctx: ServerContext) -> Device:
    """Let the province and an office that did not hear of it both end one dossier."""
    device = await new_device(ctx)
    dossier = str(await tell(device, "dossier.assigned", **ASSIGNED | {"holder": "province"}))
    await tell(device, "dossier.progressed", dossier=dossier, state="resolved", by="Bà Hoa")
    await act(device, "dossier.withdrawn", dossier, reason="Đổi ý")
    return device


async def listed(ctx: ServerContext) -> list[conflicts.Open]:
    async with ctx.store.read() as conn:
        return await conflicts.listed(conn)


async def test_a_conflict_is_listed_settled_once_and_said_to_the_office(ctx: ServerContext) -> None:
    device = await crossed(ctx)
    (found,) = await listed(ctx)
    assert (found.office, found.code, found.item.other.value) == ("H26.107", CODE, "withdrawn")
    done = await conflicts.settle(ctx, found.kept.id.upper(), "office", "Đã gọi", "Bà Hoa")
    assert done == found
    assert ((await only(ctx)).state, await listed(ctx)) == ("withdrawn", [])
    await device.sync()
    (body,) = said(device, "conflict.settled")
    assert (body["conflict"], body["keep"], body["heard"]) == (found.kept.id, "office", 1)
    with pytest.raises(Refusal, match="conflict-unknown"):
        await conflicts.settle(ctx, found.kept.id, "province", "Lại", None)
    before = await contents(ctx)
    await rebuilding.rebuild(ctx)
    assert await contents(ctx) == before


async def test_conflicts_are_those_of_one_office(ctx: ServerContext) -> None:
    device = await crossed(ctx)
    other = await new_device(ctx, seed=3, code="H26.108")
    async with ctx.store.read() as conn:
        assert len(await conflicts.listed(conn, device.office)) == 1
        assert await conflicts.listed(conn, other.office) == []


async def test_nobody_settles_what_no_device_can_be_told(ctx: ServerContext) -> None:
    device = await crossed(ctx)
    (found,) = await listed(ctx)
    await revoke(ctx, device.device_id)
    with pytest.raises(Refusal, match="device-unknown"):
        await conflicts.settle(ctx, found.kept.id, "office", "Đã gọi", None)
    assert await listed(ctx) == [found]


async def test_two_operators_settle_one_conflict_once(ctx: ServerContext) -> None:
    device = await crossed(ctx)
    (found,) = await listed(ctx)
    words = [
        conflicts.settle(ctx, found.kept.id, keep, "cùng lúc", None)
        for keep in ("office", "province")
    ]
    done = await asyncio.gather(*words, return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Open", "Refusal"]
    await device.sync()
    assert len(said(device, "conflict.settled")) == 1


async def test_the_page_of_the_office_names_it(ctx: ServerContext) -> None:
    await crossed(ctx)
    await users.add(ctx, name="operator", role="operator", password=PASSWORD)
    async with (
        served(ctx) as door,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{door.port}", headers=HTML) as http,
    ):
        browser = Browser(http)
        await browser.sign_in()
        page = (await http.get("/offices/H26.107")).text
        table = (await http.get("/")).text
    assert f"{CODE}: state resolved / withdrawn (lan.nt)" in page
    assert "ghi khác nhau" in page
    assert ">1</td>" in table


def test_an_operator_lists_and_settles_by_command(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.types("migrate")
    asyncio.run(_cross(load(operator.config)))
    (row,) = json.loads(operator.types("conflicts", "list", "--json").stdout)["conflicts"]
    assert (row["code"], row["field"], row["stands"]["value"]) == (CODE, "state", "resolved")
    shown = operator.types("conflicts", "list", "--office", "H26.107").stdout
    assert "withdrawn, office, lan.nt" in shown
    settle = ("conflicts", "resolve", row["conflict"], "--keep", "province", "--reason")
    assert operator.types(*settle, " ").returncode == 2
    done = operator.types(*settle, "seen", "--by", "Hoa")
    assert (done.returncode, CODE in done.stderr) == (0, True)
    again = operator.types(*settle, "seen", "--json")
    assert (again.returncode, "conflict-unknown" in again.stderr) == (1, True)
    assert json.loads(operator.types("conflicts", "list", "--json").stdout) == {"conflicts": []}


def test_a_settled_conflict_is_told_as_json(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.types("migrate")
    asyncio.run(_cross(load(operator.config)))
    (row,) = json.loads(operator.types("conflicts", "list", "--json").stdout)["conflicts"]
    words = ("--keep", "office", "--reason", "seen", "--json")
    done = json.loads(operator.types("conflicts", "resolve", row["conflict"], *words).stdout)
    assert done == {"ok": True, "kept": "office", **row}


async def _cross(config: Config) -> None:
    async with opened(config) as ctx:
        await crossed(ctx)
