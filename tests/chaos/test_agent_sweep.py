"""The agent dies at every write and every fsync of its work; nothing acknowledged is lost."""

from pathlib import Path

import pytest

from tests.chaos.crashpoints import DURABLE, Sweep, assert_struck, needs_strace, shards
from tests.chaos.doomed_office import DoomedOffice
from tests.e2e.exactly_once import assert_exactly_once
from tests.e2e.world import World

SHARDS = 6
AT_LEAST = {"fsync": 8, "fdatasync": 0, "ftruncate": 1, "unlink": 1, "rename": 1}
"""The deaths of a stretch of work at each call. SQLCipher as it is built here never asks for
`fdatasync`; `unlink` and `rename` come with the socket's name and the end of the WAL."""
pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    needs_strace,
]


def sweep(place: Path, points: Sweep, *, at_least: int) -> None:
    with World(place) as world:
        world.start_server()
        office = DoomedOffice(world)
        struck = points.over(office.strike)
        world.start_agent()
        world.sync()
        about = f"{points.call}: {struck} points from {points.first} by {points.step}"
        assert_exactly_once(world, office.told, about)
        assert_struck(points, at_least)
        print(f"{about}, {office.acknowledged} acknowledged, 0 lost, 0 doubled")


@pytest.mark.parametrize("shard", shards(SHARDS, {1, 4}))
def test_killed_at_every_write(place: Path, shard: int) -> None:
    sweep(place, Sweep("pwrite64", first=shard + 1, step=SHARDS), at_least=20)


@pytest.mark.parametrize("call", sorted(set(DURABLE) - {"pwrite64"}))
def test_killed_at_every_other_durable_call(place: Path, call: str) -> None:
    sweep(place, Sweep(call), at_least=AT_LEAST[call])
