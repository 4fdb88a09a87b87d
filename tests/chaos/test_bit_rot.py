"""Bits of the office's file turn over: it is noticed, named, and saved together with the province.

The control is the damaged file itself: it must not pass as whole, else nothing was broken.
"""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent.journal.database import PAGE_BYTES
from tests.e2e.exactly_once import SEED, assert_exactly_once, realistic
from tests.e2e.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
UNSENT = 15


def flip(file: Path, random: Random, pages: range) -> list[int]:
    """Turn one bit over in each of three pages; give their numbers."""
    data = bytearray(file.read_bytes())
    struck = random.sample(list(pages), 3)
    for page in struck:
        place = page * PAGE_BYTES + random.randrange(PAGE_BYTES)
        data[place] ^= 1 << random.randrange(8)
    file.write_bytes(data)
    return struck


def salvage(world: World) -> dict[str, Any]:
    done = world.run("salvage", "--json")
    assert done.returncode == 0, (done.stdout, done.stderr)
    saved: dict[str, Any] = json.loads(done.stdout)
    return saved


@pytest.mark.parametrize("seed", [1, 2])
def test_a_file_with_flipped_bits_is_saved_and_the_hole_comes_back(place: Path, seed: int) -> None:
    with World(place) as world:
        world.start_both()
        told = world.submit(realistic(200))
        world.sync()
        world.server.stop()
        told += world.submit(realistic(UNSENT, seed=SEED + 1))
        before = world.head
        assert world.agent.stop() == 0
        count = world.database.stat().st_size // PAGE_BYTES
        struck = flip(world.database, Random(seed), range(count // 3, count - 4))
        damaged = world.run("verify", "--json")
        assert damaged.returncode == 4, f"the rig is broken: {struck} of {count}"
        assert json.loads(damaged.stdout)["damages"]

        saved = salvage(world)
        assert saved["kept"] <= before
        assert Path(saved["aside"]).exists(), "the damaged file is kept"
        assert saved["kept"] + saved["waiting"] >= UNSENT
        assert world.verify()["ok"]
        world.start_both()
        world.sync()
        assert world.head >= before, "everything is back"
        assert world.verify()["ok"]
        told += world.submit(realistic(5, seed=SEED + 2))
        world.sync()
        assert_exactly_once(world, told)
