"""A salvaged journal whose province stays silent goes on from a place that the province has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from agent import service
from agent.journal import Journal, Transaction, database, succession
from agent.journal.salvage import salvage
from agent.journal.salvaged import SALVAGED
from agent.views.rebuild import rebuild
from agent.views.stored import pos_of_id
from tests.agent.office import Office, opened
from tests.agent.world import IDENTITY, KEY, START_MS, FakeClock, note
from wire import chain
from wire.chain import Head

EVENTS, HOLE = 10, 6


@asynccontextmanager
async def salvaged(file: Path, *, delivered: int) -> AsyncIterator[Office]:
    """An office of ten events, the last a visitor's, that lost the sixth; no province answers."""
    async with opened(file, FakeClock()) as office:
        await office.receive()
        await office.journal.write_many([lambda t: t.append(note())] * (EVENTS - 2))
        await office.check_in()

        def deliver(transaction: Transaction) -> None:
            place = Head(delivered, transaction.hash_at(delivered) or b"")
            transaction.set_delivered(place, START_MS)

        await office.journal.write(deliver)
    connection = database.open_writer(file, KEY)
    connection.execute("PRAGMA foreign_keys = OFF")
    office_no = "(SELECT no FROM journal WHERE side = 'office')"
    connection.execute(f"DELETE FROM event WHERE journal = {office_no} AND seq = {HOLE}")
    connection.close()
    assert salvage(file, KEY, IDENTITY, START_MS).kept == HOLE - 1
    async with opened(file, FakeClock()) as office:
        await rebuild(office.journal, office.views, lambda _: None, anew=False)
        yield office


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "RECOVERY_WAIT_S_MAX", 0.01)


async def closed_at(journal: Journal) -> int:
    query = "SELECT head_seq FROM journal WHERE side = 'office' AND state = 'closed'"
    (seq,) = await journal.read(lambda conn: conn.execute(query).fetchone())
    return int(seq)


async def entered_again(journal: Journal) -> list[int]:
    query = "SELECT seq FROM aside ORDER BY seq"
    return [row[0] for row in await journal.read(lambda conn: conn.execute(query).fetchall())]


async def branch_until(journal: Journal) -> int | None:
    query = f"SELECT value FROM meta WHERE key = '{succession.WANTED_SEQ}'"
    row = await journal.read(lambda conn: conn.execute(query).fetchone())
    return None if row is None else int(row[0])


async def lost(journal: Journal) -> list[str]:
    query = "SELECT detail FROM problem WHERE code = 'events-lost'"
    return [row[0] for row in await journal.read(lambda conn: conn.execute(query).fetchall())]


async def test_what_no_receipt_covers_is_entered_anew_and_sent(tmp_path: Path) -> None:
    async with salvaged(tmp_path / "journal.db", delivered=3) as office:
        await office.check_in()
        assert await closed_at(office.journal) == 3
        assert await entered_again(office.journal) == [4, 5, 6, 7, 8, 9], "the last four had waited"
        assert office.journal.backlog_events == 7, "the opening and six anew: the visitor is one"
        assert await branch_until(office.journal) is None, "nobody said that there is one"
        assert await lost(office.journal) == [f"{IDENTITY.journal.hex()} {HOLE}..{HOLE}"]


async def test_what_had_waited_is_found_by_its_former_name(tmp_path: Path) -> None:
    async with salvaged(tmp_path / "journal.db", delivered=3) as office:
        query = f"SELECT value FROM meta WHERE key = '{SALVAGED}{EVENTS}'"
        (kept,) = await office.journal.read(lambda conn: conn.execute(query).fetchone())
        former = chain.event_id(kept[:32])
        await office.do(type="visit.check_out", visit=str(former))
        assert await office.journal.read(partial(pos_of_id, id_=former)) is not None


async def test_an_answer_that_told_of_more_makes_the_whole_file_common(tmp_path: Path) -> None:
    async with salvaged(tmp_path / "journal.db", delivered=3) as office:
        await office.journal.write(lambda transaction: transaction.expect_back(8))
        await office.check_in()
        assert await closed_at(office.journal) == HOLE - 1
        assert await entered_again(office.journal) == [6, 7], "nine and ten had waited"
        assert await lost(office.journal) == []
        assert await branch_until(office.journal) == 8


async def test_the_branch_is_wanted_up_to_the_last_receipt_heard(tmp_path: Path) -> None:
    async with salvaged(tmp_path / "journal.db", delivered=8) as office:
        await office.check_in()
        assert await closed_at(office.journal) == HOLE - 1
        assert await branch_until(office.journal) == 8, "not the ten that the file once had"
