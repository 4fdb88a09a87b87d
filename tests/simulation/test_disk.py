"""The rig itself: a disk on which an honest program keeps its word and a hasty one does not."""

from pathlib import Path
from random import Random

import pytest

from agent.journal import database
from tests.simulation.disk import CUTS, Cut, Image, forget, lay, simulated_disks, watch

KEY = bytes(range(32))


def acknowledged_and_left(folder: Path, after: int, how: Cut, synchronous: str) -> tuple[int, int]:
    """Commit until struck; give how many commits had returned, and how many rows are left."""
    database.open_writer(folder / "journal.db", KEY).close()
    struck: list[Image] = []
    done = 0
    with simulated_disks():
        disk = watch(folder, Random(after))
        connection = database.open_writer(folder / "journal.db", KEY)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA wal_autocheckpoint = 8")
        disk.struck = struck.append
        disk.strike(after, how)
        while not struck:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO meta VALUES (?, ?)", (f"{done}", bytes(3_000)))
            connection.execute("COMMIT")
            done += 0 if struck else 1
        connection.close()
        forget(disk)
    lay(struck[0], folder / "after")
    connection = database.open_writer(folder / "after" / "journal.db", KEY)
    left = connection.execute("SELECT count(*) FROM meta").fetchone()[0]
    connection.close()
    return done, left


@pytest.mark.parametrize("how", ["kill", *CUTS])
def test_what_was_committed_is_left_wherever_it_is_struck(tmp_path: Path, how: Cut) -> None:
    for after in range(1, 60, 4):
        (tmp_path / f"{after}").mkdir()
        done, left = acknowledged_and_left(tmp_path / f"{after}", after, how, "FULL")
        assert done <= left <= done + 1, after


def test_a_program_that_skips_the_sync_loses_what_it_promised(tmp_path: Path) -> None:
    lost = 0
    for after in range(1, 40):
        (tmp_path / f"{after}").mkdir()
        done, left = acknowledged_and_left(tmp_path / f"{after}", after, "none", "OFF")
        lost += left < done
    assert lost > 5
