"""Group commit: one transaction for whoever waits, each job on its own feet."""

import asyncio
from pathlib import Path

import pytest

from agent.journal import Appended, Journal, NoViews, Transaction
from agent.journal import commit as committing
from agent.journal import journal as journals
from tests.agent.world import IDENTITY, KEY, FakeClock, note
from wire import chain, event
from wire.problems import Refusal


def append(transaction: Transaction) -> Appended:
    return transaction.append(note())


def refuse(transaction: Transaction) -> Appended:
    transaction.append(note("undone"))
    raise Refusal("state-forbidden")


async def bodies(journal: Journal) -> list[bytes]:
    query = "SELECT body FROM event ORDER BY pos"
    return await journal.read(lambda c: [row[0] for row in c.execute(query)])


async def test_the_chain_is_that_of_the_protocol(journal: Journal) -> None:
    first = await journal.write(append)
    second = await journal.write(append)
    head = chain.extend(IDENTITY.genesis, event.encode(note()))
    assert (first.seq, first.hash) == head
    assert (second.seq, second.hash) == chain.extend(head, event.encode(note()))
    assert first.id == chain.event_id(first.hash)


async def test_a_refusal_undoes_its_own_job_and_leaves_its_neighbours(journal: Journal) -> None:
    first, refused, last = await journal.write_many([append, refuse, append])
    assert isinstance(first, Appended)
    assert isinstance(last, Appended)
    assert isinstance(refused, Refusal)
    assert (first.seq, last.seq) == (1, 2)
    assert [b"undone" in body for body in await bodies(journal)] == [False, False]


async def test_a_constraint_broken_by_one_job_is_its_own_affair(journal: Journal) -> None:
    def twice(transaction: Transaction) -> Appended:
        place = transaction.append(note())
        transaction.conn.execute(
            "INSERT INTO event VALUES (?, 1, ?, x'', x'')", (place.pos + 1, place.seq)
        )
        return place

    broken, fine = await journal.write_many([twice, append])
    assert type(broken).__name__ == "IntegrityError"
    assert isinstance(fine, Appended)
    assert journal.head.seq == 1
    assert journal.broken is None


async def test_who_asks_at_the_same_moment_shares_a_transaction(journal: Journal) -> None:
    seen: list[int] = []

    def job(transaction: Transaction) -> Appended:
        seen.append(id(transaction))
        return transaction.append(note())

    places = await asyncio.gather(*(journal.write(job) for _ in range(50)))
    assert [place.seq for place in places] == list(range(1, 51))
    assert len(set(seen)) < 50


async def test_nobody_is_answered_before_the_commit(journal: Journal) -> None:
    """Whatever a job returned, a reader sees it the moment its asker has the answer."""

    async def ask() -> None:
        place = await journal.write(append)
        query = "SELECT count(*) FROM event WHERE pos = ?"
        held = await journal.read(lambda c: c.execute(query, (place.pos,)).fetchone()[0])
        assert held == 1
        assert journal.head.seq >= place.seq

    await asyncio.gather(*(ask() for _ in range(40)))


async def test_a_waiter_that_goes_away_costs_the_others_nothing(journal: Journal) -> None:
    tasks = [asyncio.create_task(journal.write(append)) for _ in range(30)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    kept = [r for r in results if isinstance(r, Appended)]
    assert len(kept) == 20
    assert len({place.seq for place in kept}) == 20
    assert journal.head.seq == len(await bodies(journal)) >= 20


async def test_a_waiter_cancelled_in_mid_commit_does_not_stop_it(
    journal: Journal,
) -> None:
    loop = asyncio.get_running_loop()
    started = asyncio.Event()
    go_on = asyncio.Event()

    def slow(transaction: Transaction) -> Appended:
        loop.call_soon_threadsafe(started.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(10)
        return transaction.append(note())

    first = asyncio.create_task(journal.write(slow))
    await started.wait()
    second = asyncio.create_task(journal.write(append))
    first.cancel()
    go_on.set()
    assert (await second).seq == 2
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_batch_grows_no_larger_than_its_bytes_and_the_rest_follows(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "BATCH_BYTES_MAX", 500)
    batches: list[int] = []

    def job(transaction: Transaction) -> Appended:
        batches.append(id(transaction))
        return transaction.append(note("x" * 200))

    places = await asyncio.gather(*(journal.write(job) for _ in range(12)))
    assert [place.seq for place in places] == list(range(1, 13))
    assert len(set(batches)) >= 2


async def test_jobs_of_one_call_are_bounded(journal: Journal) -> None:
    with pytest.raises(ValueError, match="more than"):
        await journal.write_many([append] * (journals.BATCH_JOBS_MAX + 1))
    assert await journal.write_many([]) == []


async def test_a_queue_that_is_full_refuses_instead_of_growing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "QUEUE_JOBS_MAX", 2)
    asked = [asyncio.create_task(journal.write(append)) for _ in range(5)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    refused = [r for r in results if isinstance(r, Refusal)]
    assert {r.code for r in refused} == {"busy"}
    assert journal.head.seq == 5 - len(refused) >= 2


async def test_waiting_for_the_head_ends_when_it_has_moved(journal: Journal) -> None:
    waiting = asyncio.create_task(journal.wait_beyond(1))
    before = journal.marks
    await journal.write_many([append, append])
    await waiting
    await journal.wait_change(before)


async def test_closing_answers_what_was_asked_and_refuses_what_comes_later(
    file: Path, clock: FakeClock
) -> None:
    journal = await Journal.open(file, KEY, identity=IDENTITY, projector=NoViews(), clock=clock)
    asked = [asyncio.create_task(journal.write(append)) for _ in range(10)]
    await asyncio.sleep(0)
    await journal.close()
    assert [place.seq for place in await asyncio.gather(*asked)] == list(range(1, 11))
    with pytest.raises(Refusal, match="busy"):
        await journal.write(append)


async def test_a_read_cannot_write(journal: Journal) -> None:
    with pytest.raises(Exception, match="readonly"):
        await journal.read(lambda c: c.execute("DELETE FROM event"))


async def test_a_long_query_runs_apart(journal: Journal) -> None:
    await journal.write(append)
    query = "SELECT count(*) FROM event"
    assert await journal.read_apart(lambda c: c.execute(query).fetchone()) == (1,)


async def test_jobs_asked_for_together_run_again_only_when_one_of_them_failed_after_it_wrote(
    journal: Journal,
) -> None:
    runs: list[str] = []

    def counted(transaction: Transaction) -> Appended:
        runs.append("append")
        return append(transaction)

    def refused_at_once(_: Transaction) -> Appended:
        raise Refusal("state-forbidden")

    await journal.write_many([counted, refused_at_once, counted])
    assert len(runs) == 2
    await journal.write_many([counted, refuse, counted])
    assert len(runs) == 2 + 1 + 2
    assert journal.head.seq == len(await bodies(journal)) == 4
