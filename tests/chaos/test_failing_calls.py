"""A disk that fails one call: nothing is acknowledged that is not held, and work goes on by itself.

The agent, or the province's server, is traced, and one write or flush of its work fails with EIO
or ENOSPC. Whoever asked at that moment is refused; the file is opened again and looked at; asking
again succeeds.
"""

import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.chaos.crashpoints import IO_ERROR, NO_SPACE, Point, heal, needs_strace
from tests.chaos.doomed_office import Conversation, work
from tests.e2e.exactly_once import Json, assert_exactly_once, is_same, realistic
from tests.e2e.world import World

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    needs_strace,
]
CODES = {"disk-failed", "disk-full"}
"""What people may be told: SQLite reports some ENOSPC as an I/O error."""
RECOVERS_S = 30
RECORDS = 6
AT_START, LOOKED_AT = 1, 4
"""Exit codes of a start that the disk refuses."""


@dataclass
class FailingOffice:
    """Lets one call of the agent's work fail, and looks at what it had promised."""

    world: World
    told: list[Json] = field(default_factory=list)
    struck: int = 0
    refused: int = 0

    def strike(self, point: Point) -> None:
        """Work while `point` fails; ask again; stop; look at the journal."""
        world = self.world
        world.agent.tracer = point.tracer
        world.agent.start()
        if world.agent.await_ready():
            self._work(point)
            assert world.agent.stop() == 0, f"{point}: {world.agent.tail()}"
        else:
            self._refused_to_start(point)
        world.agent.tracer = ()
        self.struck += Path(point.log).read_text().count("INJECTED")

    def _work(self, point: Point) -> None:
        said = Conversation(self.world.open_producer())
        work(said, seed=zlib.crc32(str(point).encode()))
        said.end()
        assert len(said.answered) == len(said.asked), f"{point}: every line is answered"
        refused = [result for result in said.answered if not result["ok"]]
        codes = {result["problem"]["code"] for result in refused}
        assert codes <= CODES, f"{point}: {codes}"
        self.refused += len(refused)
        heal(self.world.agent.pid)
        again = self._until_recorded(point, said.asked)
        for first, now in zip(said.answered, again, strict=True):
            assert not first["ok"] or is_same(first, now), f"{point}: {first} became {now}"
        self.told += again
        assert self.world.verify()["ok"], point

    def _until_recorded(self, point: Point, asked: Sequence[Json]) -> Sequence[Json]:
        """Ask again as soon as the status says that it records."""
        until = time.monotonic() + RECOVERS_S
        while time.monotonic() < until:
            self.world.await_status(recording=True)
            again = self.world.ask_again(asked)
            if all(result["ok"] for result in again):
                return again
        raise AssertionError(f"{point}: does not recover: {again}")

    def _refused_to_start(self, point: Point) -> None:
        code = self.world.agent.await_end()
        assert code in {AT_START, LOOKED_AT}, f"{point}: {code}"
        assert "Traceback" not in self.world.agent.tail(), f"{point}: {self.world.agent.tail()}"


def strike_all(place: Path, points: Sequence[Point]) -> FailingOffice:
    with World(place) as world:
        world.start_server()
        office = FailingOffice(world)
        world.start_agent()  # takes the catalogue in, in one transaction of many writes
        assert world.agent.stop() == 0
        for point in points:
            office.strike(point)
        world.start_agent()
        world.sync()
        assert_exactly_once(world, office.told)
        return office


@pytest.mark.parametrize(
    ("call", "fate", "numbers"),
    [("fsync", IO_ERROR, range(1, 16, 2)), ("pwrite64", IO_ERROR, range(2, 40, 5))],
    ids=["flush", "write"],
)
def test_one_failing_call_costs_nobody_an_acknowledged_record(
    place: Path, tmp_path: Path, call: str, fate: str, numbers: range
) -> None:
    log = str(tmp_path / "calls")
    office = strike_all(place, [Point(call, number, fate, log) for number in numbers])
    assert office.struck >= 4, "the rig is broken"
    assert office.refused, "nobody was ever refused: the rig strikes beside the work"
    print(f"{call} {fate}: {office.struck} struck, {office.refused} refused, 0 lost")


def test_one_call_that_finds_no_room_costs_nobody_an_acknowledged_record(
    place: Path, tmp_path: Path
) -> None:
    log = str(tmp_path / "calls")
    points = [Point("pwrite64", number, NO_SPACE, log) for number in range(4, 40, 5)]
    office = strike_all(place, points)
    assert office.struck >= 4, "the rig is broken"
    print(f"no space: {office.struck} struck, {office.refused} refused, 0 lost")


@pytest.mark.parametrize(
    ("call", "fate", "numbers"),
    [("fsync", IO_ERROR, range(1, 10, 2)), ("pwrite64", IO_ERROR, range(3, 30, 6))],
    ids=["flush", "write"],
)
def test_one_failing_call_of_the_province_costs_nobody_a_receipted_record(
    place: Path, tmp_path: Path, call: str, fate: str, numbers: range
) -> None:
    with World(place) as world:
        world.start_agent()
        told: list[Json] = []
        doubted = 0
        for number in numbers:
            point = Point(call, number, fate, str(tmp_path / "calls"))
            world.server.tracer = point.tracer
            world.server.start()
            told += world.submit(realistic(RECORDS, seed=zlib.crc32(str(point).encode())))
            if world.server.await_ready():
                world.run("sync", "--wait", "2", "--json")
                heal(world.server.pid)
                world.sync()
                assert world.reconciliation()["equal"] is True, point
                assert world.server.stop() == 0, f"{point}: {world.server.tail()}"
            doubted = world.server.log.read_text().count('"disk-answers"')
        world.server.tracer = ()
        if not world.server.is_running:
            world.start_server()
        world.sync()
        assert_exactly_once(world, told)
        assert doubted >= 2, "nothing failed in the middle of the work: the rig is broken"
        print(f"{call} {fate}: {doubted} struck and proven, 0 lost")
