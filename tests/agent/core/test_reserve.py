"""Room kept aside on the disk: given up once, made again when there is twice as much."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from agent import rounds
from agent.journal import Journal, NoViews, database
from agent.noticed import Noticed
from agent.reserve import Reserve, reserve_bytes
from records.present import ProblemItem
from tests.agent.journal.test_failing_disk import FULL, IO_ERROR, Failing
from tests.agent.office import Office
from tests.agent.world import IDENTITY, KEY, FakeClock, note
from wire.problems import Refusal


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class Disk:
    """A disk whose room the story says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, total: int = 1 << 20) -> None:
        self.total, self.free = total, total
        monkeypatch.setattr(shutil, "disk_usage", self._usage)

    def _usage(self, _path: Path) -> Usage:
        return Usage(self.total, self.total - self.free, self.free)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_a_sixteenth_of_a_small_disk_is_kept_aside_and_32_mb_of_a_large_one(
    disk: Disk, tmp_path: Path
) -> None:
    assert reserve_bytes(1 << 40) == 32 << 20
    reserve = Reserve(tmp_path)
    assert not reserve.held
    assert reserve.make()
    kept = (tmp_path / "reserve").stat()
    assert kept.st_size == disk.total // 16
    assert kept.st_blocks * 512 >= kept.st_size, "room, and not a hole"
    assert reserve.make(), "it is there"


def test_it_is_given_up_once_and_made_again_with_twice_the_room(disk: Disk, tmp_path: Path) -> None:
    reserve = Reserve(tmp_path)
    reserve.make()
    assert reserve.give_up()
    assert not reserve.give_up()
    disk.free = 2 * (disk.total // 16) - 1
    assert not reserve.make()
    disk.free += 1
    assert reserve.make()


def test_whoever_takes_the_room_first_leaves_no_half_reserve(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", no_room)
    assert disk.free
    assert not Reserve(tmp_path).make()
    assert list(tmp_path.iterdir()) == []


def open_failing(
    file: Path, reserve: Reserve, connections: list[Failing]
) -> "asyncio.Task[Journal]":
    def connect() -> Failing:
        connections.append(Failing(database.open_writer(file, KEY)))
        return connections[-1]

    return asyncio.ensure_future(
        Journal.open(
            file,
            KEY,
            identity=IDENTITY,
            projector=NoViews(),
            clock=FakeClock(),
            connect=connect,
            reserve=reserve,
        )
    )


@pytest.mark.parametrize(("code", "kept"), [(FULL, False), (IO_ERROR, True)])
async def test_a_commit_without_room_is_tried_once_more_with_the_reserves(
    disk: Disk, tmp_path: Path, code: int, kept: bool
) -> None:
    reserve = Reserve(tmp_path)
    connections: list[Failing] = []
    assert disk.free
    reserve.make()
    journal = await open_failing(tmp_path / "journal.db", reserve, connections)
    connections[-1].commits_fail_with = code
    with pytest.raises(Refusal):
        await journal.write(lambda transaction: transaction.append(note()))
    assert reserve.held is kept
    connections[-1].before_failing = lambda: setattr(connections[-1], "commits_fail_with", None)
    await journal.close()


async def test_with_the_reserve_given_up_no_dossier_is_taken_in_and_visitors_are(
    office: Office, disk: Disk, tmp_path: Path
) -> None:
    office.journal.reserve = reserve = Reserve(tmp_path)
    disk.free = 0
    with pytest.raises(Refusal, match="disk-full"):
        await office.receive()
    await office.check_in()
    disk.free = disk.total
    await office.receive()
    assert reserve.held


async def test_people_see_that_it_is_given_up_for_as_long_as_it_is(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "RESERVE_S", 0.001)
    told: asyncio.Queue[ProblemItem] = asyncio.Queue()
    changes = asyncio.Event()
    noticed = Noticed(lambda: 0, lambda: 0, told.put_nowait)
    disk.free = 0
    keeping = asyncio.create_task(rounds.keep_reserve(Reserve(tmp_path), noticed, changes.set))
    assert (await told.get()).code == "disk-full"
    changes.clear()
    disk.free = disk.total
    await changes.wait()
    assert list(noticed.items()) == []
    keeping.cancel()
