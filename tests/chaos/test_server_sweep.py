"""The province's server dies at every write and every fsync while an office delivers."""

import json
import signal
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.crashpoints import DURABLE, Point, Sweep, assert_struck, needs_strace, shards
from tests.e2e.exactly_once import assert_exactly_once, realistic
from tests.e2e.world import World

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    needs_strace,
]
SHARDS = 4
AT_LEAST = {"fsync": 4, "fdatasync": 0, "ftruncate": 1, "unlink": 1, "rename": 0}
"""The deaths of a delivery at each call. SQLCipher as it is built here never asks for `fdatasync`,
and the server renames nothing while it works."""
RECORDS = 6


class DoomedProvince:
    """Strikes the server of `world` at a point while records arrive, and counts what it holds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.recorded: list[dict[str, Any]] = []
        self.cursor = ""
        self.held = 0

    def strike(self, point: Point) -> bool:
        """Let the server work until it dies at `point`; False when it lived to a clean stop."""
        world = self.world
        world.server.tracer = point.tracer
        world.server.start()
        commands = realistic(RECORDS, seed=zlib.crc32(str(point).encode()))
        self.recorded += world.submit(commands)
        if world.server.await_ready():
            self._deliver(point)
        code = world.server.stop()
        assert code in {0, -signal.SIGKILL}, (str(point), code, world.server.tail())
        world.server.tracer = ()
        self._look(point)
        return code != 0

    def _deliver(self, point: Point) -> None:
        """Press 'sync now' until all is in, or the server is dead."""
        while self.world.server.is_running:
            done = self.world.run("sync", "--wait", "1", "--json")
            if json.loads(done.stdout)["backlog"] == 0:
                return

    def _look(self, point: Point) -> None:
        """Start again: after one more round every record is held once, and the next is the next."""
        world = self.world
        world.start_server()
        done = world.sync()
        new = world.feed(self.cursor)
        self.cursor = new[-1]["cursor"] if new else self.cursor
        seqs = [line["seq"] for line in new]
        expected = list(range(self.held + 1, done["head"] + 1))
        assert seqs == expected, f"{point}: the feed went on with {seqs} after {self.held}"
        self.held = done["head"]
        assert world.reconciliation()["equal"] is True, f"{point}: {world.reconciliation()}"
        assert world.server.stop() == 0, world.server.tail()


def sweep(place: Path, points: Sweep, *, at_least: int) -> None:
    with World(place) as world:
        world.start_agent()
        province = DoomedProvince(world)
        struck = points.over(province.strike)
        world.start_server()
        world.sync()
        about = f"{points.call}: {struck} points from {points.first} by {points.step}"
        assert_exactly_once(world, province.recorded, about)
        assert_struck(points, at_least)
        print(f"{about}, {len(province.recorded)} records, 0 lost, 0 doubled")


@pytest.mark.parametrize("shard", shards(SHARDS, {2}))
def test_killed_at_every_write(place: Path, shard: int) -> None:
    sweep(place, Sweep("pwrite64", first=shard + 1, step=SHARDS), at_least=10)


@pytest.mark.parametrize("call", sorted(set(DURABLE) - {"pwrite64"}))
def test_killed_at_every_other_durable_call(place: Path, call: str) -> None:
    sweep(place, Sweep(call), at_least=AT_LEAST[call])
