"""The agent dies at every write of its first start, and always finds its way into a second one."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.crashpoints import Point, Sweep, needs_strace, shards
from tests.e2e.exactly_once import realistic
from tests.e2e.world import World

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    needs_strace,
]
SHARDS = 8


def no_data(world: World) -> None:
    """An enrolled box that has not recorded anything yet."""
    shutil.rmtree(world.data)


def nothing(world: World) -> None:
    """A box as it was unpacked: neither data nor keys."""
    no_data(world)
    shutil.rmtree(world.home / "keys")


def sweep(world: World, points: Sweep, clear: Callable[[World], None], *, at_least: int) -> None:
    commands = realistic(2)

    def strike(point: Point) -> bool:
        clear(world)
        world.agent.tracer = point.tracer
        world.agent.start()
        first = world.submit(commands) if world.agent.await_ready() else []
        code = world.agent.stop()
        assert code in {0, -signal.SIGKILL}, (str(point), code, world.agent.tail())
        world.agent.tracer = ()
        world.agent.start()
        assert world.agent.await_ready(), f"{point}: does not start again: {world.agent.tail()}"
        again = world.submit(commands)
        for one, other in zip(first, again, strict=False):
            assert one == other, f"{point}: {one} became {other}"
        assert world.verify()["ok"], str(point)
        assert world.agent.stop() == 0, world.agent.tail()
        return code != 0

    struck = points.over(strike)
    assert struck >= at_least, f"{points}: the rig is broken"
    print(f"{points.call}: {struck} points of a first start")


@pytest.mark.parametrize("shard", shards(SHARDS, {3}))
def test_killed_at_every_write_of_the_first_start(place: Path, shard: int) -> None:
    with World(place) as world:
        sweep(world, Sweep("pwrite64", shard + 1, SHARDS), no_data, at_least=7)


@pytest.mark.parametrize(
    ("call", "at_least"), [("fsync", 5), ("ftruncate", 1), ("unlink", 1), ("rename", 1)]
)
def test_killed_at_every_other_call_of_the_first_start(
    place: Path, call: str, at_least: int
) -> None:
    with World(place) as world:
        sweep(world, Sweep(call), no_data, at_least=at_least)


@pytest.mark.parametrize(("call", "at_least"), [("write", 1), ("fsync", 2), ("rename", 2)])
def test_killed_while_the_key_is_made(place: Path, call: str, at_least: int) -> None:
    with World(place) as world:
        sweep(world, Sweep(call), nothing, at_least=at_least)
