"""A dossier that both sides touched while the line was down, with the real agent and server."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
import uvicorn

from agent.journal import Journal
from agent.service import Service
from agent.sync.first import adopt_first_answer
from agent.views.lists import dossier_detail
from agent.views.problems import problems
from agent.views.projector import Views
from records import catalogue
from records.present import ConflictItem, DossierDetail, ProblemItem
from server import conflicts
from server.context import ServerContext
from server.main import create_app
from server.projections import project
from server.publishing import publish
from tests.agent.office import RECEIVE, Office
from tests.agent.sync.conftest import Shown, TestClock
from tests.agent.sync.test_real_province import KEY, Province, enrol, real_time, settle, syncing
from tests.agent.views.test_rebuild import assert_rebuilt_equals_grown
from tests.server.province import Seen, make_config, open_province

PERSON_KEY = b"p" * 32


@pytest.fixture
async def province(tmp_path: Path) -> AsyncIterator[Province]:
    """A province that projects."""
    ctx = await open_province(make_config(tmp_path / "server"), real_time, project)  # type: ignore[arg-type]
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(ctx), log_config=None, lifespan="on"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield Province(ctx, Seen(), f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        await serving
        listener.close()


class Story(Office):
    """The office with its line: `meet` is one whole exchange, between them the line is down."""

    def __init__(self, province: Province, enrolled: Any, journal: Journal, views: Views) -> None:
        service = Service(journal, views, TestClock(), Random(7).randbytes)
        super().__init__(journal, views, service, TestClock())  # type: ignore[arg-type]
        self.province, self.enrolled = province, enrolled

    @property
    def ctx(self) -> ServerContext:
        return self.province.ctx

    async def meet(self) -> None:
        shown = Shown()
        async with syncing(self.journal, self.enrolled, self.province.url, shown) as syncer:
            await settle(self.journal, syncer)

    async def say(self, kind: str, **body: Any) -> None:
        items = [(kind, msgspec.json.encode(body))]
        await publish(self.ctx, [self.enrolled.identity.office_id], items)

    async def shown(self, ref: str) -> DossierDetail:
        found = await self.journal.read(lambda conn: dossier_detail(conn, ref, real_time()))
        assert found is not None
        return found

    async def told(self) -> list[ProblemItem]:
        return [*(await self.journal.read(problems)).items]

    async def at_province(self) -> list[ConflictItem]:
        async with self.ctx.store.read() as conn:
            return [one.item for one in await conflicts.listed(conn)]


@asynccontextmanager
async def stocked(province: Province, folder: Path) -> AsyncIterator[Story]:
    enrolled, answer = await enrol(province, folder / "keys")
    rows = catalogue.load().procedures()
    items = [("procedure.set", msgspec.json.encode(row)) for row in rows]
    await publish(province.ctx, None, items)
    views = Views(PERSON_KEY)
    journal = await Journal.open(
        folder / "journal.db", KEY, identity=enrolled.identity, projector=views, clock=TestClock()
    )
    try:
        await adopt_first_answer(journal, enrolled, answer)
        story = Story(province, enrolled, journal, views)
        await story.meet()
        yield story
    finally:
        await journal.close()


async def crossed(story: Story) -> str:
    """Let the province resolve what it holds while the office, its line down, lets it be taken."""
    ref = str((await story.do(**RECEIVE)).id)
    await story.do(type="dossier.forward", dossier=ref, to="Sở Tư pháp", holder="province")
    await story.meet()
    await story.say("dossier.progressed", dossier=ref, state="resolved", by="Phòng Tư pháp")
    await story.do(
        type="dossier.correct", dossier=ref, set={"applicant.phone": "0987654321"}, reason="Nhầm"
    )
    await story.do(type="dossier.withdraw", dossier=ref, reason="Người dân rút")
    await story.meet()
    return ref


async def test_both_sides_show_the_same_conflict_and_lose_nothing(
    province: Province, tmp_path: Path
) -> None:
    async with stocked(province, tmp_path) as story:
        ref = await crossed(story)
        shown = await story.shown(ref)
        (conflict,) = shown.open_conflicts
        assert (shown.state, shown.holder, shown.conflicts) == ("resolved", "province", 1)
        assert shown.applicant.phone == "098•••••321"  # what only one side touched merged
        assert (conflict.stands.value, conflict.stands.by) == ("resolved", "Phòng Tư pháp")
        assert (conflict.other.value, conflict.other.by) == ("withdrawn", "lan.nt")
        assert await story.at_province() == [conflict]
        (problem,) = await story.told()
        assert (problem.code, problem.severity, problem.subject) == ("conflict-open", "act", ref)
        assert problem.conflict == conflict
        await assert_rebuilt_equals_grown(story)


async def test_the_office_settles_it_for_both(province: Province, tmp_path: Path) -> None:
    async with stocked(province, tmp_path) as story:
        ref = await crossed(story)
        (conflict,) = (await story.shown(ref)).open_conflicts
        done = await story.do(
            type="conflict.resolve", conflict=conflict.id.upper(), keep="office", reason="Đã gọi"
        )
        assert str(done.id) == ref
        await story.meet()
        shown = await story.shown(ref)
        assert (shown.state, shown.open_conflicts) == ("withdrawn", ())
        assert await story.at_province() == []
        assert await story.told() == []
        await story.do(type="dossier.return", dossier=ref, by="direct")  # it goes on from there
        await story.meet()
        assert ((await story.shown(ref)).state, await story.at_province()) == ("returned", [])


async def test_the_province_settles_it_for_both(province: Province, tmp_path: Path) -> None:
    async with stocked(province, tmp_path) as story:
        ref = await crossed(story)
        (conflict,) = await story.at_province()
        await conflicts.settle(story.ctx, conflict.id, "province", "Đã có kết quả", "Bà Hoa")
        assert await story.at_province() == []
        await story.meet()
        shown = await story.shown(ref)
        assert (shown.state, shown.open_conflicts, await story.told()) == ("resolved", (), [])
        last = shown.events[-1]
        assert (last.kind, b"B\xc3\xa0 Hoa" in bytes(last.body)) == ("conflict.settled", True)
        await assert_rebuilt_equals_grown(story)


async def test_both_settle_it_at_once_and_come_to_the_same(
    province: Province, tmp_path: Path
) -> None:
    async with stocked(province, tmp_path) as story:
        ref = await crossed(story)
        (conflict,) = await story.at_province()
        await story.do(type="conflict.resolve", conflict=conflict.id, keep="office", reason="A")
        await conflicts.settle(story.ctx, conflict.id, "province", "B", None)
        await story.meet()
        await story.meet()
        shown = await story.shown(ref)
        assert (shown.state, shown.open_conflicts) == ("resolved", ())
        assert await story.at_province() == []
        await assert_rebuilt_equals_grown(story)


async def test_what_the_office_does_knowing_of_it_is_no_conflict(
    province: Province, tmp_path: Path
) -> None:
    async with stocked(province, tmp_path) as story:
        ref = str((await story.do(**RECEIVE)).id)
        await story.do(type="dossier.forward", dossier=ref, to="Sở Tư pháp", holder="province")
        await story.meet()
        await story.say("dossier.progressed", dossier=ref, state="supplement_requested")
        await story.meet()
        await story.do(type="dossier.withdraw", dossier=ref, reason="Người dân rút")
        await story.meet()
        assert (await story.shown(ref)).state == "withdrawn"
        assert await story.at_province() == []
