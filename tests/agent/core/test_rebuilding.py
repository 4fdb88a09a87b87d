"""A rebuild of the views that meets a full disk: it is finished as soon as there is room."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from agent import patient
from agent.journal import Journal
from agent.rebuilding import Rebuilding
from agent.service import Service
from agent.views import rebuild as rebuilding
from agent.views.projector import Views
from tests.agent.journal.test_failing_disk import FULL, Bench
from tests.agent.office import Office
from tests.agent.views.test_rebuild import assert_rebuilt_equals_grown
from tests.agent.world import IDENTITY, KEY, PERSON_KEY, FakeClock, stock
from wire.problems import Refusal


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(patient, "PAUSE_S", 0.01)
    return Bench(tmp_path / "journal.db")


@asynccontextmanager
async def office_on(bench: Bench) -> AsyncIterator[Office]:
    """An office that has received one dossier, on a disk that can be told to be full."""
    views, clock = Views(PERSON_KEY), FakeClock()
    journal = await Journal.open(
        bench.file, KEY, identity=IDENTITY, projector=views, clock=clock, connect=bench.connect
    )
    try:
        if journal.head.seq == 0:
            await journal.write(stock)
        service = Service(journal, views, clock, Random(7).randbytes)
        office = Office(journal, views, service, clock)
        if journal.head.seq == 0:
            await office.receive()
        yield office
    finally:
        await journal.close()


def is_stale(office: Office) -> bool:
    return office.views.stale


async def begin(office: Office) -> None:
    await office.journal.write(lambda t: rebuilding.start(t.conn, office.views))


async def finished(office: Office, room: Rebuilding) -> None:
    """Let the room do its work until the views are whole."""
    running = asyncio.create_task(room.run())
    async with asyncio.timeout(20):
        while office.views.stale:
            await asyncio.wait([running], timeout=0.01)
            assert not running.done(), "the room never ends by itself"
    running.cancel()
    await asyncio.wait([running])


async def test_a_rebuild_whose_last_commit_fails_is_not_done(bench: Bench) -> None:
    async with office_on(bench) as office:
        with pytest.raises(Refusal, match="disk-full"):
            await rebuilding.rebuild(office.journal, office.views, lambda _: bench.fail_with(FULL))
        assert is_stale(office)
        bench.fail_with(None)
        await rebuilding.rebuild(office.journal, office.views, lambda _: None, anew=False)
        assert not is_stale(office)
        await assert_rebuilt_equals_grown(office)


async def test_one_that_finds_the_disk_full_at_the_start_waits_for_room(bench: Bench) -> None:
    async with office_on(bench) as office:
        await begin(office)
    refused = asyncio.Event()
    async with office_on(bench) as office:
        loop = asyncio.get_running_loop()

        def refuse() -> None:
            loop.call_soon_threadsafe(refused.set)

        bench.connections[-1].before_failing = refuse
        bench.fail_with(FULL)
        room = Rebuilding(office.journal, office.views, lambda: None)
        running = asyncio.create_task(finished(office, room))
        async with asyncio.timeout(20):
            await refused.wait()
        assert is_stale(office)
        bench.fail_with(None)
        await running
        await office.check_in()
        await assert_rebuilt_equals_grown(office)


async def test_one_that_was_asked_for_and_refused_is_finished_by_the_room(bench: Bench) -> None:
    async with office_on(bench) as office:
        full = iter([FULL])
        room = Rebuilding(office.journal, office.views, lambda: bench.fail_with(next(full, None)))
        with pytest.raises(Refusal, match="disk-full"):
            await room.anew()
        bench.fail_with(None)
        with pytest.raises(Refusal, match="views-stale"):
            await office.check_in()
        await finished(office, room)
        await office.check_in()
        await assert_rebuilt_equals_grown(office)
        assert await room.anew() == office.journal.marks.pos
