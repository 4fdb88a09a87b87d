"""From enrolment's files to a line that works, and what people see when it does not."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent import keys
from agent.blobs.folder import BlobFolder
from agent.config import parse
from agent.enrolled import FIRST_ANSWER, Line
from agent.figures import Figures
from agent.journal import Journal
from agent.journal.transaction import get_meta
from agent.noticed import Noticed
from agent.status import Live, Status, StatusBoard
from agent.sync import store
from agent.sync.first import adopt_first_answer
from agent.sync.transport import ExchangeError
from agent.views.projector import Views
from records.present import ProblemItem
from records.sync_report import ClockReport
from tests.agent.sync.conftest import TestClock, append_event
from tests.agent.sync.province import FakeProvince, Loopback, desk_event
from tests.agent.sync.test_tls import self_signed
from tests.agent.world import KEY, PERSON_KEY
from wire import plaintext
from wire.chain import Head
from wire.problems import Refusal

TOML = 'office = "H26.107"\ndata_dir = "."\n[province]\nurl = "{url}"\n'


class Box:
    """An enrolled box: its line, with the board and the problems of its daemon."""

    def __init__(
        self, journal: Journal, views: Views, province: FakeProvince, directory: Path, toml: str
    ) -> None:
        self.journal, self.province = journal, province
        clock = TestClock()
        config = parse(toml, directory / "agent.toml")
        config.keys_dir.mkdir()
        self.answer = config.keys_dir / keys.ANSWER
        self.told: list[ProblemItem] = []
        self.noticed = Noticed(clock.now_ms, clock.mono_ms, self.told.append)
        first = Status(
            office="H26.107", name="Xã", province="H26", agent="1", generated_at="",
            clock=ClockReport(state="trusted"),
        )  # fmt: skip
        self.board = StatusBoard(first, self._live)
        self.line = Line(
            config,
            journal,
            clock,
            self.board,
            noticed=self.noticed,
            folder=BlobFolder(config.blobs_dir, 0),
            fresh_bytes=secrets.token_bytes,
        )
        self.figures = Figures(
            config=config,
            journal=journal,
            views=views,
            clock=clock,
            agent="1",
            goodput_bytes_s=self.line.goodput_bytes_s,
            devices=list,
        )

    def _live(self) -> Live:
        noticed = len(self.noticed.items())
        return Live(self.journal.head.seq, self.journal.delivered.seq, 0, None, noticed)

    async def record(self, count: int) -> None:
        await self.journal.write_many([partial(append_event, number=n) for n in range(count)])

    @contextlib.asynccontextmanager
    async def running(self, *, enrolled: bool = True) -> AsyncIterator[None]:
        work = self.line.run(self.province.enrolment() if enrolled else None, self.figures)
        task = asyncio.create_task(work, name="line")
        try:
            yield
            assert not task.done(), "the line never ends by itself"
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def until(self, condition: Callable[[Status], bool]) -> Status:
        """Wait until the board says so, asking for another try at each disagreement."""
        async with asyncio.timeout(20):
            async for status in self.board.subscribe():
                if condition(status):
                    return status
                if status.line_error is not None:
                    self.line.sync_now()
        raise AssertionError


@contextlib.asynccontextmanager
async def box_at(
    directory: Path, province: FakeProvince, toml: str, *, enrolled: bool = True
) -> AsyncIterator[Box]:
    views, identity = Views(PERSON_KEY), province.enrolment().identity if enrolled else None
    journal = await Journal.open(
        directory / "journal.db", KEY, identity=identity, projector=views, clock=TestClock()
    )
    try:
        yield Box(journal, views, province, directory, toml)
    finally:
        await journal.close()


@pytest.fixture
async def box(province: FakeProvince, line: Loopback, tmp_path: Path) -> AsyncIterator[Box]:
    async with box_at(tmp_path, province, TOML.format(url=line.url)) as made:
        yield made


async def test_a_line_that_is_held_stands_in_the_status_until_it_is_well_again(box: Box) -> None:
    await box.record(3)
    usual = box.province.change
    box.province.change = lambda down: msgspec.structs.replace(
        down, verdict="fork", receipt=Head(1, bytes(32)), statement=None
    )
    async with box.running():
        held = await box.until(lambda status: status.line_held)
        assert (held.line, held.line_error, held.problems_open) == ("online", "fork", 1)
        assert held.line_since is not None
        await box.record(1)
        box.province.change = usual
        box.line.sync_now()
        well = await box.until(lambda status: status.line_error is None and not status.backlog)
    assert (well.line, well.line_held, well.problems_open) == ("online", False, 0)


@pytest.mark.parametrize("content", [b"junk", b"", None], ids=["junk", "empty", "a directory"])
async def test_an_answer_that_cannot_be_read_is_a_problem_until_an_exchange_works(
    box: Box, line: Loopback, content: bytes | None
) -> None:
    if content is None:
        box.answer.mkdir()
    else:
        box.answer.write_bytes(content)
    await line.cut()
    await box.record(1)
    async with box.running():
        await box.until(lambda status: status.line_error == "line-down")
        (problem,) = box.noticed.items()
        assert (problem.id, problem.code) == (FIRST_ANSWER, "first-answer-unreadable")
        assert box.told == [problem]
        await box.record(1)
        await line.up()
        well = await box.until(lambda status: status.line_error is None and not status.backlog)
    assert (well.delivered, well.problems_open) == (2, 0)


async def test_an_answer_is_not_looked_at_once_an_exchange_has_been(box: Box) -> None:
    enrolment = box.province.enrolment()
    with pytest.raises(ExchangeError):
        await adopt_first_answer(box.journal, enrolment, b"junk")
    await box.journal.write(lambda t: t.set_meta(store.TURN, bytes(8)))
    assert await adopt_first_answer(box.journal, enrolment, b"junk") is False


def an_up_of(box: Box) -> plaintext.Up:
    """What an enrolment says of the journals it has just made."""
    identity = box.province.enrolment().identity
    return plaintext.Up(
        office=identity.office_id,
        journal=identity.journal,
        head=identity.genesis,
        desk=identity.desk,
        cursor=identity.desk_genesis,
        turn=bytes(8),
        boot=bytes(8),
        now=0,
        clock="trusted",
        budget=0,
        codecs=(0,),
    )


async def test_a_good_answer_brings_the_turn_and_the_first_desk_events_once(box: Box) -> None:
    box.province.desk.append(desk_event(1))
    answer = box.province.seal(box.province.down(b"enrolment", an_up_of(box)))
    box.answer.write_bytes(answer)
    async with box.running():
        await box.until(lambda status: status.line == "online")
    assert box.noticed.items() == []
    assert box.journal.desk_head.seq == 1
    turn = await box.journal.read(partial(get_meta, key=store.TURN))
    assert turn == box.province.turns[-1]
    assert await adopt_first_answer(box.journal, box.province.enrolment(), answer) is False


async def test_an_answer_that_the_disk_does_not_take_is_taken_as_soon_as_it_does(
    box: Box, line: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.patient.PAUSE_S", 0.01)
    box.province.desk.append(desk_event(1))
    down = box.province.down(b"the enrolment", an_up_of(box))
    box.answer.write_bytes(box.province.seal(down))
    await line.cut()
    write, refusals = box.journal.write, iter(["disk-failed", "disk-full", "busy"])

    async def refuse_at_first(job: Callable[[Any], Any]) -> Any:
        for code in refusals:
            raise Refusal(code)
        return await write(job)

    monkeypatch.setattr(box.journal, "write", refuse_at_first)
    async with box.running():
        await box.until(lambda status: status.line == "offline")
    assert box.journal.desk_head.seq == 1
    assert not box.noticed.items()


async def test_a_receipt_statement_is_waited_for_only_so_long(
    box: Box, line: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await box.line.prove() is False, "there is no line yet"
    async with box.running():
        await box.until(lambda status: status.line == "online")
        assert await box.line.prove() is True
        assert await box.journal.read(partial(get_meta, key=store.PROOF)) is not None
        await line.cut()
        monkeypatch.setattr("agent.enrolled.PROVE_S_MAX", 0.01)
        assert await box.line.prove() is False


@pytest.mark.parametrize("content", [None, b"junk"], ids=["missing", "damaged"])
async def test_without_its_trust_root_the_line_is_shown_to_have_fallen_and_sticks_go_on(
    province: FakeProvince,
    line: Loopback,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes | None,
) -> None:
    monkeypatch.setattr("agent.enrolled.RESTART_S_MIN", 0.05)
    trusted = tmp_path / "ca.pem"
    if content is not None:
        trusted.write_bytes(content)
    toml = TOML.format(url=line.url) + f'ca_file = "{trusted.name}"\n'
    async with box_at(tmp_path, province, toml) as box:
        await box.record(2)
        async with box.running():
            await box.until(lambda status: status.line_error == "sync-failed")
            assert (await box.line.export(None)).last == 2
            self_signed(tmp_path).rename(trusted)
            well = await box.until(lambda status: status.line_error is None and not status.backlog)
        assert well.delivered == 2


async def test_an_enrolment_that_the_disk_does_not_take_is_entered_as_soon_as_it_does(
    province: FakeProvince, line: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.patient.PAUSE_S", 0.01)
    monkeypatch.setattr(keys, "read_enrolment", lambda _: province.enrolment())
    toml = TOML.format(url=line.url)
    async with box_at(tmp_path, province, toml, enrolled=False) as box:
        write, refusals = box.journal.write, iter(["disk-full", "disk-failed", "busy"])

        async def refuse_at_first(job: Callable[[Any], Any]) -> Any:
            for code in refusals:
                raise Refusal(code)
            return await write(job)

        monkeypatch.setattr(box.journal, "write", refuse_at_first)
        async with box.running(enrolled=False):
            await box.until(lambda status: status.line == "online")
        assert box.journal.identity == province.enrolment().identity
