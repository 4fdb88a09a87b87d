"""After the disk failed, the file is asked and not the memory: what it must hold, and take."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.journal import Appended, Journal, NoViews, Transaction, database
from tests.agent.journal.test_failing_disk import IO_ERROR, Bench
from tests.agent.world import IDENTITY, KEY, FakeClock, note
from wire import chain
from wire.block import ChainedEvent, Gone
from wire.problems import Refusal


def append(transaction: Transaction) -> Appended:
    return transaction.append(note())


async def broken(bench: Bench, events: int = 3) -> Journal:
    """A journal with a few acknowledged events whose disk has just failed."""
    journal = await bench.open()
    await journal.write_many([append] * events)
    bench.fail_with(IO_ERROR)
    with pytest.raises(Refusal, match="disk-failed"):
        await journal.write(append)
    return journal


@pytest.fixture
def bench(file: Path) -> Bench:
    return Bench(file)


def meddle(file: Path, statement: str) -> None:
    connection = database.open_writer(file, KEY)
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE event SET body = x'00' WHERE seq = 2", "event 2"),
        ("UPDATE event SET hash = zeroblob(32) WHERE seq = 3", "head 3"),
        ("UPDATE event SET body = NULL WHERE seq = 2", "event 2"),
        ("DELETE FROM event WHERE seq = 2", "event 2"),
        ("DELETE FROM event WHERE seq = 3", "head 3, last event 2"),
    ],
)
async def test_a_tail_that_does_not_compute_keeps_the_journal_shut(
    bench: Bench, statement: str, found: str
) -> None:
    journal = await broken(bench)
    meddle(bench.file, statement)
    with pytest.raises(Refusal, match="journal-damaged") as refused:
        await journal.reopen()
    assert found in refused.value.detail.en
    with pytest.raises(Refusal, match="disk-failed"):
        await journal.write(append)
    await journal.close()


async def test_a_file_without_what_was_acknowledged_keeps_the_journal_shut(bench: Bench) -> None:
    journal = await broken(bench)
    meddle(bench.file, "DELETE FROM event WHERE seq = 3")
    row = "(SELECT hash FROM event WHERE seq = 2)"
    meddle(bench.file, f"UPDATE journal SET head_seq = 2, head_hash = {row} WHERE side = 'office'")
    with pytest.raises(Refusal, match="journal-damaged") as refused:
        await journal.reopen()
    assert "acknowledged event 3" in refused.value.detail.en
    await journal.close()


async def test_forgotten_events_do_not_keep_it_shut(bench: Bench) -> None:
    journal = await bench.open()
    digest = bytes(32)
    hash_ = chain.link(IDENTITY.genesis.hash, digest)
    gone = ChainedEvent(1, None, digest, hash_, Gone(1, digest, "2026-11-21", "note.added", ""))
    await journal.write(partial(Transaction.append_given_back, events=[gone]))
    bench.fail_with(IO_ERROR)
    with pytest.raises(Refusal, match="disk-failed"):
        await journal.write(append)
    await journal.reopen()
    assert (await journal.write(append)).seq == 2
    await journal.close()


async def test_own_events_on_their_way_back_are_still_waited_for(bench: Bench) -> None:
    journal = await bench.open()
    await journal.write(lambda transaction: transaction.expect_back(9))
    bench.fail_with(IO_ERROR)
    with pytest.raises(Refusal, match="disk-failed"):
        await journal.write(lambda transaction: transaction.set_meta("a", 1))
    await journal.reopen()
    with pytest.raises(Refusal, match="journal-recovering"):
        await journal.write(append)
    await journal.close()


async def test_somebody_who_reads_an_older_state_delays_it(bench: Bench) -> None:
    journal = await bench.open()
    await journal.write(append)
    reader = journal.connect_reader()
    reader.execute("PRAGMA busy_timeout = 0")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM event").fetchone()
    await journal.write(append)
    bench.fail_with(IO_ERROR)
    with pytest.raises(Refusal, match="disk-failed"):
        await journal.write(append)
    bench.impatient = True
    with pytest.raises(Refusal, match="busy"):
        await journal.reopen()
    assert journal.broken is not None
    reader.close()
    await journal.reopen()
    assert (await journal.write(append)).seq == 3
    await journal.close()


async def test_a_disk_that_takes_no_write_keeps_it_shut_while_pages_are_still_read(
    bench: Bench,
) -> None:
    journal = await broken(bench)
    bench.failing_from_the_start = IO_ERROR
    with pytest.raises(Refusal, match="disk-failed"):
        await journal.reopen()
    assert journal.broken is not None

    def count(connection: Any) -> int:
        return int(connection.execute("SELECT count(*) FROM event").fetchone()[0])

    assert await journal.read(count) == 3
    bench.failing_from_the_start = None
    await journal.reopen()
    assert (await journal.write(append)).seq == 4
    await journal.close()


async def test_a_file_that_is_not_there_any_more_is_a_failed_disk(bench: Bench) -> None:
    journal = await broken(bench)
    away = bench.file.with_name("away")
    bench.file.rename(away)
    bench.file.mkdir()
    with pytest.raises(Refusal):
        await journal.reopen()
    bench.file.rmdir()
    away.rename(bench.file)
    await journal.reopen()
    await journal.close()


async def test_a_disk_that_refuses_the_first_opening_is_told_in_the_catalogues_words(
    tmp_path: Path,
) -> None:
    with pytest.raises(Refusal, match="disk-failed"):
        await Journal.open(
            tmp_path / "no" / "journal.db",
            KEY,
            identity=IDENTITY,
            projector=NoViews(),
            clock=FakeClock(),
        )
