"""The disk is full for a while: loud refusals, nothing acknowledged lost, then work goes on."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.exactly_once import SEED, Json, assert_exactly_once, is_same, realistic
from tests.e2e.world import World

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.skipif(
        subprocess.run(["id", "-u"], capture_output=True, text=True, check=False).stdout != "0\n",
        reason="mounts a small disk: needs root",
    ),
]
DISK_BYTES = 6 << 20


@pytest.fixture
def small_disk(place: Path) -> Iterator[World]:
    """An office whose data lies on a disk of a few megabytes."""
    with World(place) as world:
        kept = world.home / "kept"
        world.data.rename(kept)
        world.data.mkdir(mode=0o750)
        options = f"size={DISK_BYTES},mode=0750"
        mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(world.data)]
        subprocess.run(mount, check=True)
        try:
            shutil.copytree(kept, world.data, dirs_exist_ok=True)
            yield world
            world.agent.kill()
        finally:
            subprocess.run(["umount", "--lazy", str(world.data)], check=True)


def fill(world: World) -> Path:
    """Fill the disk to its last byte with somebody else's file."""
    ballast: Path = world.data / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


def test_a_full_disk_refuses_loudly_and_recovers_by_itself(small_disk: World) -> None:
    world = small_disk
    world.start_both()
    told: list[Json] = world.submit(realistic(50))
    assert all(result["ok"] for result in told)
    world.sync()
    ballast = fill(world)

    more = realistic(3_000, seed=SEED + 1)
    results = world.submit(more)
    assert len(results) == len(more), "every line is answered"
    refused = [result for result in results if not result["ok"]]
    codes = {result["problem"]["code"] for result in refused}
    assert codes == {"disk-full"}, codes
    assert all(result["problem"]["status"] == 507 for result in refused)
    shown = world.status()
    assert shown["disk"]["state"] in {"full", "reserve"}, shown["disk"]
    assert world.agent.is_running, world.agent.tail()

    ballast.unlink()
    again = world.submit(more[:200])
    assert all(result["ok"] for result in again), "it goes on by itself"
    for first, now in zip(results, again, strict=False):
        assert is_same(first, now) or not first["ok"]
    told += again + [result for result in results[len(again) :] if result["ok"]]
    assert world.verify()["ok"]
    world.sync()
    assert_exactly_once(world, told)


def test_a_day_on_a_full_disk_takes_visitors_in_and_receipts_but_no_new_dossier(
    small_disk: World,
) -> None:
    world = small_disk
    world.start_both()
    morning = realistic(120)
    told: list[Json] = world.submit(morning)
    assert all(result["ok"] for result in told)
    ballast = fill(world)

    noon = realistic(600, seed=SEED + 1)
    dossiers = [command for command in noon if command["type"] == "dossier.receive"][:60]
    visitors = [command for command in noon if command["type"] == "visit.check_in"][:60]
    assert len(dossiers) >= 20
    assert len(visitors) >= 20
    first = world.submit(dossiers)  # pages in use may have room for the first of them
    refused = [result for result in first if not result["ok"]]
    assert {result["problem"]["code"] for result in refused} == {"disk-full"}
    told += [result for result in first if result["ok"]]
    came = world.submit(visitors)
    assert all(result["ok"] for result in came), "the reserve is for them"
    told += came
    again = world.submit(dossiers[-10:])
    details = {result["problem"]["detail"] for result in again}
    assert len(details) == 1, details
    assert "reserve is in use" in details.pop()
    shown = world.status()
    assert shown["disk"]["state"] == "reserve", shown["disk"]
    world.await_status(problems_open=1)
    done = world.sync()
    assert done["backlog"] == 0, "receipts are taken in"

    ballast.unlink()
    evening = world.submit(dossiers[-10:])
    assert all(result["ok"] for result in evening), "it goes on by itself"
    told += evening
    assert (world.data / "reserve").exists(), "and room is kept again"
    assert world.verify()["ok"]
    world.sync()
    assert_exactly_once(world, told)


def test_killed_on_a_full_disk_it_starts_again_when_there_is_space(small_disk: World) -> None:
    world = small_disk
    world.start_agent()
    told = world.submit(realistic(50))
    ballast = fill(world)
    told += [result for result in world.submit(realistic(500, seed=SEED + 1)) if result["ok"]]
    world.agent.kill()
    ballast.unlink()
    world.start_both()
    assert world.verify()["ok"]
    world.sync()
    assert_exactly_once(world, told)
