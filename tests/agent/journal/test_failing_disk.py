"""When the disk fails: nobody is told a lie, and the heads are read again."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlcipher3 import dbapi2

from agent.journal import Appended, Journal, NoViews, Transaction, database
from agent.journal import commit as committing
from agent.journal import journal as journals
from agent.journal.verify import verify
from tests.agent.world import IDENTITY, KEY, FakeClock, note
from wire.problems import Refusal

FULL, IO_ERROR = database.SQLITE_FULL, 10


class Failing:
    """A real connection whose COMMIT fails when a story says so; all else goes through."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.commits_fail_with: int | None = None
        self.before_failing: Callable[[], None] = lambda: None
        self.asleep = False

    def execute(self, statement: str, *values: Any) -> Any:
        code = self.commits_fail_with
        if statement == "COMMIT" and code is not None:
            self.before_failing()
            error = dbapi2.OperationalError("the disk says no")
            error.sqlite_errorcode = code
            raise error
        return self._connection.execute(statement, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class Bench:
    """A journal on a disk that can be told to fail."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.connections: list[Failing] = []
        self.failing_from_the_start: int | None = None
        self.impatient = False

    def connect(self) -> Failing:
        self.connections.append(Failing(database.open_writer(self.file, KEY)))
        self.connections[-1].commits_fail_with = self.failing_from_the_start
        if self.impatient:
            self.connections[-1].execute("PRAGMA busy_timeout = 0")
        return self.connections[-1]

    async def open(self) -> Journal:
        return await Journal.open(
            self.file,
            KEY,
            identity=IDENTITY,
            projector=NoViews(),
            clock=FakeClock(),
            connect=self.connect,
        )

    def fail_with(self, code: int | None) -> None:
        self.connections[-1].commits_fail_with = code


@pytest.fixture
def bench(file: Path) -> Bench:
    return Bench(file)


def is_broken(journal: Journal) -> bool:
    return journal.broken is not None


def append(transaction: Transaction) -> Appended:
    return transaction.append(note())


async def test_when_a_commit_fails_every_waiter_gets_the_error(bench: Bench) -> None:
    journal = await bench.open()
    await journal.write(append)
    bench.fail_with(FULL)
    results = await asyncio.gather(
        *(journal.write(append) for _ in range(5)), return_exceptions=True
    )
    assert [getattr(result, "code", None) for result in results] == ["disk-full"] * 5
    assert journal.head.seq == 1
    await journal.close()


async def test_after_a_full_disk_recording_goes_on_where_it_was(bench: Bench) -> None:
    journal = await bench.open()
    bench.fail_with(FULL)
    with pytest.raises(Refusal, match="disk-full"):
        await journal.write(append)
    bench.fail_with(None)
    assert (await journal.write(append)).seq == 1
    assert journal.broken is None
    assert (await journal.read_apart(verify)).ok
    await journal.close()


async def test_after_an_io_error_nothing_is_acknowledged_until_the_file_was_looked_at(
    bench: Bench,
) -> None:
    journal = await bench.open()
    await journal.write(append)
    bench.fail_with(IO_ERROR)
    with pytest.raises(Refusal, match="disk-failed"):
        await journal.write(append)
    bench.fail_with(None)
    with pytest.raises(Refusal, match="disk-failed"):
        await journal.write(append)
    assert is_broken(journal)
    await journal.reopen()
    assert not is_broken(journal)
    assert (await journal.write(append)).seq == 2
    await journal.close()


async def test_after_a_full_disk_own_events_are_still_waited_for(bench: Bench) -> None:
    journal = await bench.open()
    await journal.write(lambda transaction: transaction.expect_back(9))
    bench.fail_with(FULL)
    with pytest.raises(Refusal, match="disk-full"):
        await journal.write(lambda transaction: transaction.set_meta("a", 1))
    bench.fail_with(None)
    with pytest.raises(Refusal, match="journal-recovering"):
        await journal.write(append)
    await journal.close()


async def test_who_waits_behind_a_broken_commit_is_refused_too(bench: Bench) -> None:
    journal = await bench.open()
    bench.fail_with(IO_ERROR)
    loop = asyncio.get_running_loop()
    in_commit, go_on = asyncio.Event(), asyncio.Event()

    def hold() -> None:
        loop.call_soon_threadsafe(in_commit.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(10)

    bench.connections[-1].before_failing = hold
    first = asyncio.create_task(journal.write(append))
    await in_commit.wait()
    second = asyncio.create_task(journal.write(append))
    await asyncio.sleep(0)
    go_on.set()
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert [getattr(result, "code", None) for result in results] == ["disk-failed"] * 2
    await journal.close()


async def test_a_head_that_cannot_be_read_again_breaks_the_journal(bench: Bench) -> None:
    journal = await bench.open()
    await journal.write(append)

    def damage() -> None:
        bench.connections[-1].execute("ROLLBACK")
        bench.connections[-1].execute("DELETE FROM event")

    bench.connections[-1].before_failing = damage
    bench.fail_with(FULL)
    with pytest.raises(Refusal, match="disk-full"):
        await journal.write(append)
    assert journal.broken is not None
    with pytest.raises(Refusal, match="journal-damaged"):
        await journal.reopen()
    assert journal.broken is not None
    await journal.close()


async def test_a_disk_error_inside_a_job_fails_the_whole_batch(bench: Bench) -> None:
    journal = await bench.open()

    def job(_: Transaction) -> Appended:
        error = dbapi2.OperationalError("cannot read")
        error.sqlite_errorcode = IO_ERROR
        raise error

    with pytest.raises(Refusal, match="disk-failed"):
        await journal.write_many([append, job])
    assert journal.head.seq == 0
    await journal.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(  # refused without root: then there is no such disk
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


async def test_a_disk_that_is_really_full_loses_nothing_that_was_acknowledged(
    small_disk: Path,
) -> None:
    file = small_disk / "journal.db"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(200_000))
    opening = partial(
        Journal.open, file, KEY, identity=IDENTITY, projector=NoViews(), clock=FakeClock()
    )
    journal = await opening()
    acknowledged = 0
    refused: Refusal | None = None
    while refused is None:
        try:
            place = await journal.write(lambda t: t.append(note("x" * 20_000)))
            acknowledged = place.seq
        except Refusal as refusal:
            refused = refusal
    assert refused.code == "disk-full"
    assert journal.head.seq == acknowledged > 0
    ballast.unlink()
    assert (await journal.write(append)).seq == acknowledged + 1
    await journal.close()
    journal = await opening()
    assert journal.head.seq == acknowledged + 1
    assert (await journal.read_apart(verify)).ok
    await journal.close()


async def test_a_mistake_of_this_program_in_a_commit_is_told_to_everybody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await bench.open()

    def wrong(*_: object) -> None:
        raise TypeError("a mistake")

    with monkeypatch.context() as patch:
        patch.setattr(committing, "write_marks", wrong)
        with pytest.raises(Refusal, match="disk-failed"):
            await journal.write(append)
    await journal.reopen()
    assert (await journal.write(append)).seq == 1
    await journal.close()


async def test_a_close_that_waits_too_long_leaves_nobody_waiting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "CLOSE_S_MAX", 0.01)
    journal = await bench.open()
    loop = asyncio.get_running_loop()
    began, go_on = asyncio.Event(), asyncio.Event()

    def slow(transaction: Transaction) -> Appended:
        loop.call_soon_threadsafe(began.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(10)
        return transaction.append(note())

    asked = asyncio.create_task(journal.write(slow))
    await began.wait()
    closing = asyncio.create_task(journal.close())
    with pytest.raises(Refusal, match="disk-failed"):
        await asked
    go_on.set()
    await closing
