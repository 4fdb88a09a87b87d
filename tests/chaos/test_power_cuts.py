"""Power goes at any moment of the work, on a disk with a volatile cache: nothing told is lost.

The control is the same work on a disk that lies about flushes, which is what `synchronous=OFF`
makes of an honest one: there acknowledged records must be missing.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest
import sqlcipher3

from agent.journal import database
from agent.journal.verify import verify
from server.keys import secret
from server.store.again import look_again
from server.store.sqlite import connector
from tests.chaos.crashpoints import needs_strace
from tests.chaos.doomed_office import Conversation
from tests.chaos.volatile_disk import (
    MODES,
    Disk,
    Step,
    contents,
    cut_places,
    read_steps,
    tracer,
)
from tests.e2e.exactly_once import SEED, realistic
from tests.e2e.world import World
from wire.chain import event_id
from wire.problems import Refusal

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900), needs_strace]
RECORDS = 12
HELD = (
    "SELECT e.hash FROM event e JOIN journal j ON j.no = e.journal"
    " WHERE j.side = 'office' AND e.seq = ?"
)
EVERY = 25
"""Steps between cuts that stand at no flush."""


class Told(NamedTuple):
    """Somebody was told at this moment that everything up to `seq` is kept; `id` is its name."""

    at_s: float
    seq: int
    id: str = ""


class Work(NamedTuple):
    """A stretch of work that was written down: the files before it, its steps, what was told."""

    path: str
    before: dict[str, bytes]
    steps: list[Step]
    told: list[Told]


def lost_in(
    work: Work, target: Path, holds: Callable[[Path, list[Told]], bool], *, lying: bool
) -> tuple[int, list[str]]:
    """Cut the power at every place and in every way; give how many cuts, and which lost."""
    disk = Disk(work.before, lying=lying)
    done, cuts, lost = 0, 0, []
    for place in cut_places(work.steps, work.path, EVERY):
        for step in work.steps[done:place]:
            disk.take(step)
        done = place
        now_s = work.steps[place].at_s if place < len(work.steps) else float("inf")
        told = [each for each in work.told if each.at_s < now_s]
        for mode in MODES:
            disk.cut(work.path, target, mode, seed=place)
            cuts += 1
            try:
                kept = holds(target, told)
                why = "" if kept else "not held"
            except (sqlcipher3.DatabaseError, Refusal) as error:
                why = str(error)
            if why:
                lost.append(f"step {place}, {mode}: {why}")
    return cuts, lost


def office_at_work(world: World, log: Path) -> Work:
    """Record one thing after the other while the agent's disk is watched."""
    world.start_agent()
    assert world.agent.stop() == 0
    before = contents(world.database)
    world.agent.tracer = tracer(log)
    world.start_agent()
    said = Conversation(world.open_producer())
    told = []
    for command in realistic(RECORDS):
        for result in said.ask(command):
            assert result["ok"], result
            told.append(Told(time.time(), result["seq"], result["id"]))
    said.end()
    assert world.agent.stop() == 0  # folds the log into the file, and removes it
    return Work(str(world.database), before, read_steps(log), told)


def test_an_office_loses_nothing_it_acknowledged(place: Path, tmp_path: Path) -> None:
    with World(place) as world:
        work = office_at_work(world, tmp_path / "steps")
        key = (world.home / "keys" / "journal.key").read_bytes()

    def holds(file: Path, told: list[Told]) -> bool:
        with contextlib.closing(database.open_writer(file, key)) as connection:
            whole = verify(connection).ok
            rows = [(each, connection.execute(HELD, (each.seq,)).fetchone()) for each in told]
        return whole and all(row and event_id(row[0]) == UUID(each.id) for each, row in rows)

    assert len(work.told) == RECORDS
    cuts, lost = lost_in(work, tmp_path / "cut.db", holds, lying=False)
    assert not lost, lost
    assert cuts >= 3 * RECORDS
    _, lost = lost_in(work, tmp_path / "cut.db", holds, lying=True)
    assert lost, "a disk that lies about flushes must lose: the rig is broken"
    print(f"{cuts} cuts, 0 lost; {len(lost)} lost by a disk that lies")


def province_at_work(world: World, log: Path) -> Work:
    """Deliver one record after the other while the server's disk is watched."""
    file = next(world.folder.glob("server/**/*.db"))
    world.start_server()
    assert world.server.stop() == 0
    before = contents(file)
    world.server.tracer = tracer(log)
    world.start_both()
    told = []
    for number in range(RECORDS // 2):
        world.submit(realistic(2, seed=SEED + number))
        delivered = world.sync()["head"]
        told.append(Told(time.time(), delivered))
    assert world.server.stop() == 0
    return Work(str(file), before, read_steps(log), told)


def test_a_province_loses_nothing_it_gave_a_receipt_for(place: Path, tmp_path: Path) -> None:
    with World(place) as world:
        work = province_at_work(world, tmp_path / "steps")
        key = secret(world.folder / "server" / "keys" / "database.key")

    def holds(file: Path, told: list[Told]) -> bool:
        look_again(file, connector(file, key))
        connection = connector(file, key)()
        try:
            (held,) = connection.execute(
                "SELECT coalesce(max(head_seq), 0) FROM journal"
            ).fetchone()
        finally:
            connection.close()
        return all(held is not None and each.seq <= held for each in told)

    cuts, lost = lost_in(work, tmp_path / "cut.db", holds, lying=False)
    assert not lost, lost
    assert cuts >= 3 * RECORDS
    _, lost = lost_in(work, tmp_path / "cut.db", holds, lying=True)
    assert lost, "a disk that lies about flushes must lose: the rig is broken"
    print(f"{cuts} cuts, 0 lost; {len(lost)} lost by a disk that lies")
