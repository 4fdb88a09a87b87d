"""A restore dies at every step: what stands there is the old journal whole, or the copy whole."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.chaos.crashpoints import Point, Sweep, needs_strace, shards
from tests.e2e.exactly_once import SEED, realistic
from tests.e2e.world import World, environment

pytestmark = [pytest.mark.system, pytest.mark.slow, needs_strace]
COPIED, RECORDED = 20, 40
SHARDS = 4


def sweep(place: Path, points: Sweep, *, at_least: int) -> None:
    with World(place) as world:
        world.start_agent()
        first = world.submit(realistic(COPIED))
        copy = place / "copy.db"
        assert world.run("backup", str(copy)).returncode == 0

        def strike(point: Point) -> bool:
            if not world.agent.is_running:
                world.start_agent()
            before = world.submit(realistic(RECORDED, seed=SEED + point.number))
            world.agent.kill()  # its last records stand in the WAL
            restore = [*world.agent.argv[:-1], "restore", str(copy)]
            done = subprocess.run(
                [*point.tracer, *restore], capture_output=True, env=environment(), check=False
            )
            assert done.returncode in {0, -signal.SIGKILL}, (str(point), done.stderr)
            world.start_agent()
            assert world.verify()["ok"], str(point)
            stands = world.head
            whole = {max(result["seq"] for result in results) for results in (first, before)}
            assert stands in whole, f"{point}: {stands} records stand, not {whole}"
            assert done.returncode or stands == min(whole), "a restore that ended has restored"
            return done.returncode != 0

        struck = points.over(strike)
        assert struck >= at_least, f"{points}: the rig is broken"
        print(f"{points.call}: {struck} points of a restore")


@pytest.mark.parametrize("shard", shards(SHARDS, {1}))
def test_killed_at_every_write_of_a_restore(place: Path, shard: int) -> None:
    sweep(place, Sweep("pwrite64", shard + 1, SHARDS), at_least=5)


@pytest.mark.parametrize(
    ("call", "at_least"), [("rename", 1), ("unlink", 1), ("link", 1), ("fsync", 5)]
)
def test_killed_in_a_restore(place: Path, call: str, at_least: int) -> None:
    sweep(place, Sweep(call), at_least=at_least)
