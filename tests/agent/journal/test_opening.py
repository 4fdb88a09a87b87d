"""Opening: what is refused, and that a refusal changes nothing."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.journal import Appended, Identity, Journal, NoViews, Transaction, database, schema
from tests.agent.world import IDENTITY, KEY, FakeClock, note
from wire.problems import Refusal


async def opened(file: Path, key: bytes = KEY, identity: Identity | None = IDENTITY) -> Journal:
    return await Journal.open(file, key, identity=identity, projector=NoViews(), clock=FakeClock())


def appending(number: int) -> Callable[[Transaction], Appended]:
    return lambda transaction: transaction.append(note(str(number)))


async def written(file: Path, events: int = 3) -> None:
    journal = await opened(file)
    for number in range(events):
        await journal.write(appending(number))
    await journal.close()


def fingerprint(directory: Path) -> dict[str, str]:
    return {
        part.name: hashlib.sha256(part.read_bytes()).hexdigest()
        for part in directory.iterdir()
        if not part.name.endswith("-shm")
    }


def test_a_new_file_is_private_and_encrypted(file: Path) -> None:
    asyncio.run(written(file))
    assert file.stat().st_mode & 0o777 == 0o600
    content = file.read_bytes()
    assert not content.startswith(b"SQLite format 3")
    assert b"test.noted" not in content


async def test_synchronous_full_and_wal_are_what_the_database_says(journal: Journal) -> None:
    pragma = "PRAGMA synchronous", "PRAGMA journal_mode", "PRAGMA foreign_keys"

    def ask(transaction: Transaction) -> list[object]:
        return [transaction.conn.execute(p).fetchone()[0] for p in pragma]

    values = await journal.write(ask)
    assert values == [2, "wal", 1]


async def test_a_file_system_that_takes_no_wal_is_refused(tmp_path: Path) -> None:
    connection = database.connect(tmp_path / "x.db", KEY, mode="rwc")
    connection.execute("CREATE TABLE t(a)")
    connection.execute("BEGIN IMMEDIATE")  # in a transaction the mode cannot change
    with pytest.raises((Refusal, database.DatabaseError)):
        database.set_durable(connection)
    connection.close()


async def test_what_was_acknowledged_is_there_after_opening_again(file: Path) -> None:
    await written(file, events=5)
    journal = await opened(file)
    assert journal.head.seq == 5
    assert journal.backlog_events == 5
    await journal.close()


@pytest.mark.parametrize("unfinished", [False, True], ids=["clean stop", "after a kill"])
async def test_a_wrong_key_is_refused_and_changes_nothing(file: Path, unfinished: bool) -> None:
    directory = file.parent
    if unfinished:
        # A copy of the file and its WAL, taken while it is open, is what a kill leaves.
        live = directory / "live"
        live.mkdir()
        journal = await opened(live / file.name)
        await journal.write(lambda t: t.append(note()))
        for suffix in ("", "-wal"):
            shutil.copy(live / (file.name + suffix), directory / (file.name + suffix))
        await journal.close()
        shutil.rmtree(live)
    else:
        await written(file)
    before = fingerprint(directory)
    with pytest.raises(Refusal) as refused:
        await opened(file, key=bytes(32))
    assert refused.value.code == "key-wrong"
    assert refused.value.type.exit == 4
    assert fingerprint(directory) == before


async def test_a_key_of_another_length_is_refused(file: Path) -> None:
    with pytest.raises(Refusal, match="key-wrong"):
        await opened(file, key=b"short")


def test_a_file_that_is_no_database_is_refused_and_kept(file: Path) -> None:
    file.write_bytes(os.urandom(20_000))
    before = fingerprint(file.parent)
    with pytest.raises(Refusal) as refused:
        asyncio.run(opened(file))
    assert refused.value.type.exit == 4
    assert fingerprint(file.parent) == before


async def test_a_newer_schema_is_refused_and_changes_nothing(file: Path) -> None:
    await written(file)
    connection = database.connect(file, KEY, mode="rw")
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    before = fingerprint(file.parent)
    with pytest.raises(Refusal) as refused:
        await opened(file)
    assert refused.value.code == "schema-newer"
    assert refused.value.type.exit == 1
    assert fingerprint(file.parent) == before


async def test_another_program_s_database_is_refused(file: Path) -> None:
    connection = database.connect(file, KEY, mode="rwc")
    connection.execute("CREATE TABLE theirs(a)")
    connection.close()
    with pytest.raises(Refusal, match="journal-damaged"):
        await opened(file)


async def test_the_journal_of_another_device_is_refused(file: Path) -> None:
    await written(file)
    with pytest.raises(Refusal, match="journal-damaged"):
        await opened(file, identity=IDENTITY._replace(journal=b"x" * 16))


async def test_a_head_that_is_not_the_last_event_is_refused(file: Path) -> None:
    await written(file)
    connection = database.open_writer(file, KEY)
    connection.execute("DELETE FROM event WHERE seq = 3 AND journal = 1")
    connection.close()
    with pytest.raises(Refusal, match="journal-damaged"):
        await opened(file)


async def test_before_enrolment_nothing_is_recorded_and_afterwards_it_is(file: Path) -> None:
    journal = await opened(file, identity=None)
    with pytest.raises(Refusal, match="not-enrolled"):
        await journal.write(lambda t: t.append(note()))
    await journal.enrol(IDENTITY)
    assert journal.head == IDENTITY.genesis
    assert journal.desk_head == IDENTITY.desk_genesis
    await journal.write(lambda t: t.append(note()))
    assert journal.head.seq == 1
    await journal.close()


async def test_who_writes_in_the_moment_of_enrolment_writes_into_its_journal(file: Path) -> None:
    journal = await opened(file, identity=None)
    _, place = await asyncio.gather(journal.enrol(IDENTITY), journal.write(appending(1)))
    assert place.seq == journal.head.seq == 1
    await journal.close()


async def test_enrolment_of_a_file_that_holds_its_journal_changes_nothing(file: Path) -> None:
    await written(file)
    journal = await opened(file, identity=None)
    writing = journal.write(appending(4))  # the heads of this transaction are not stored yet
    place, _ = await asyncio.gather(writing, journal.enrol(IDENTITY))
    assert place.seq == journal.head.seq == 4
    await journal.close()


async def test_a_version_1_file_is_brought_to_this_version(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mechanism for every step to come: an old file, then one more step, nothing lost."""
    await written(file)
    step = ("CREATE TABLE added(a INTEGER) STRICT", "INSERT INTO added SELECT count(*) FROM event")
    monkeypatch.setattr(database, "STEPS", (*schema.STEPS, step))
    monkeypatch.setattr(database, "VERSION", schema.VERSION + 1)
    journal = await opened(file)
    assert await journal.read(lambda c: c.execute("SELECT a FROM added").fetchone()) == (3,)
    assert journal.head.seq == 3
    await journal.close()


async def test_a_step_that_fails_leaves_the_old_version(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(file)
    step = ("CREATE TABLE added(a INTEGER) STRICT", "no sql at all")
    with monkeypatch.context() as patch:
        patch.setattr(database, "STEPS", (*schema.STEPS, step))
        patch.setattr(database, "VERSION", schema.VERSION + 1)
        with pytest.raises(database.DatabaseError):
            await opened(file)
    journal = await opened(file)
    assert journal.head.seq == 3
    await journal.close()
