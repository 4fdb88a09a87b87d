"""A copy made under load is whole, and an office that goes back to it says so and loses nothing."""

import threading
from pathlib import Path
from typing import Any

from tests.e2e.exactly_once import SEED, assert_exactly_once, realistic
from tests.e2e.world import World


def test_a_backup_under_load_can_be_restored(place: Path) -> None:
    with World(place) as world:
        world.start_both()
        before = world.submit(realistic(100))
        world.sync()
        during: list[dict[str, Any]] = []
        commands = realistic(1_000, seed=SEED + 1)
        clerk = threading.Thread(target=lambda: during.extend(world.submit(commands)))
        clerk.start()
        copy = place / "copy.db"
        done = world.run("backup", str(copy), "--json")
        clerk.join(60)
        assert done.returncode == 0, done.stderr
        assert [result["ok"] for result in during] == [True] * 1_000
        while_running = world.run("restore", str(copy))
        assert while_running.returncode == 1, "a running daemon's journal is not replaced"
        assert world.agent.stop() == 0
        restored = world.run("restore", str(copy), "--json")
        assert restored.returncode == 0, restored.stderr
        checked = world.verify()
        assert before[-1]["seq"] <= checked["events"] <= during[-1]["seq"]

        world.start_agent()
        (result,) = world.submit(realistic(1))
        assert result["seq"] == before[0]["seq"], "keys older than the copy are known"
        assert result["keys_since"], "results say how old the table of keys is"


def test_a_restored_office_that_had_delivered_less_goes_on_and_is_equal(place: Path) -> None:
    with World(place) as world:
        world.start_both()
        results = world.submit(realistic(50))
        world.sync()
        copy = place / "copy.db"
        assert world.run("backup", str(copy)).returncode == 0
        assert world.agent.stop() == 0
        assert world.run("restore", str(copy)).returncode == 0
        world.start_agent()
        results += world.submit(realistic(50, seed=SEED + 1))
        world.sync()
        assert_exactly_once(world, results)


def test_a_damaged_backup_is_refused_and_the_journal_stays(place: Path) -> None:
    with World(place) as world:
        world.start_agent()
        world.submit(realistic(20))
        copy = place / "copy.db"
        assert world.run("backup", str(copy)).returncode == 0
        assert world.agent.stop() == 0
        content = bytearray(copy.read_bytes())
        content[len(content) // 2] ^= 1
        copy.write_bytes(content)
        before = world.database.read_bytes()
        done = world.run("restore", str(copy))
        assert done.returncode == 4, done.stderr
        assert world.database.read_bytes() == before
