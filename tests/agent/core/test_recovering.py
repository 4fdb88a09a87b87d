"""A restored journal gets its own events back before anybody writes on (docs/protocol.md 5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from agent import service
from agent.journal import Transaction, succession
from agent.views.problems import problems
from tests.agent.office import CHECK_IN, Office, opened
from tests.agent.world import FakeClock, as_json, note
from wire import chain
from wire.block import ChainedEvent, Gone
from wire.problems import Refusal

LATER = b'{"kind":"office.noted","at":"2026-11-21T09:00:00+07:00","actor":"lan.nt","body":{}}'


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path / "journal.db", FakeClock()) as made:
        await made.receive()
        yield made


def after(office: Office, *events: bytes) -> list[ChainedEvent]:
    head, given = office.journal.head, []
    for event in events:
        head = chain.extend(head, event)
        given.append(ChainedEvent(head.seq, event, chain.event_digest(event), head.hash, None))
    return given


def promise(transaction: Transaction, seq: int) -> None:
    transaction.expect_back(seq)


def give(transaction: Transaction, events: list[ChainedEvent]) -> int:
    return transaction.append_given_back(events)


async def test_a_clerk_waits_until_own_events_are_back(office: Office) -> None:
    back = after(office, LATER, LATER)
    await office.journal.write(partial(promise, seq=3))
    waiting = asyncio.create_task(office.check_in())
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    assert await office.journal.write(partial(give, events=back[:1])) == 1
    assert office.journal.marks.is_recovering
    assert await office.journal.write(partial(give, events=back)) == 1  # held ones are passed
    async with asyncio.timeout(10):
        result = await waiting
    assert result.seq == 4


async def test_who_came_in_the_same_moment_waits_too(office: Office) -> None:
    back = after(office, LATER)
    line = as_json(CHECK_IN), "lan.nt"
    promised = asyncio.create_task(office.journal.write(partial(promise, seq=2)))
    one = asyncio.create_task(office.check_in())  # asked before the promise is kept
    many = asyncio.create_task(office.service.submit_many([line, line]))
    await promised
    await office.journal.write(partial(give, events=back))
    async with asyncio.timeout(10):
        first, (second, third) = await one, await many
    assert not isinstance(second, Refusal)
    assert not isinstance(third, Refusal)
    assert first.seq == second.seq == third.seq == 3  # one visitor within a minute


async def test_after_a_minute_the_office_goes_on_without_them(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RECOVERY_WAIT_S_MAX", 0.05)
    await office.journal.write(partial(promise, seq=9))
    result = await office.check_in()
    assert result.seq == 2
    assert not office.journal.marks.is_recovering


async def test_that_another_journal_follows_is_listed_for_thirty_days_whatever_restarts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RECOVERY_WAIT_S_MAX", 0.05)
    clock, found = FakeClock(), []
    async with opened(tmp_path / "journal.db", clock) as office:
        await office.journal.write(partial(promise, seq=9))
        await office.check_in()
    async with opened(tmp_path / "journal.db", clock) as office:
        for wait_ms in (0, succession.SHOWN_MS, 1):
            clock.advance(wait_ms)
            await office.journal.write(succession.forget_notice)
            found.append((await office.journal.read(problems)).items)
    ((listed,), still, over) = found
    assert (listed.code, listed.severity) == ("journal-succeeded", "act")
    assert (still, over) == ((listed,), ())


async def test_nothing_new_is_appended_meanwhile(office: Office) -> None:
    def job(transaction: Transaction) -> None:
        transaction.expect_back(9)
        transaction.append(note())

    with pytest.raises(Refusal, match="journal-recovering"):
        await office.journal.write(job)
    assert office.journal.head.seq == 1


async def test_what_does_not_lead_on_from_the_head_is_not_taken(office: Office) -> None:
    other = after(office, LATER)[0]._replace(hash=bytes(32))
    gap = after(office, LATER, LATER)[1:]
    for wrong in ([other], gap):
        with pytest.raises(Refusal, match="fork"):
            await office.journal.write(partial(give, events=wrong))
    assert office.journal.head.seq == 1


async def test_forgotten_and_broken_events_come_back_as_they_are(office: Office) -> None:
    broken = b"\xff not an event"
    [item] = after(office, LATER)
    gone = Gone(2, item.digest, "2026-11-21", "office.noted", "")
    forgotten = ChainedEvent(2, None, item.digest, item.hash, gone)
    last = chain.extend(chain.Head(2, item.hash), broken)
    poison = ChainedEvent(3, broken, chain.event_digest(broken), last.hash, None)
    assert await office.journal.write(partial(give, events=[forgotten, poison])) == 2
    assert office.journal.head == last
    problems = await office.journal.read(
        lambda conn: conn.execute("SELECT seq, code FROM problem").fetchall()
    )
    assert problems == [(3, "event-malformed")]
    kept = await office.journal.read(
        lambda conn: conn.execute("SELECT digest FROM gone").fetchall()
    )
    assert kept == [(item.digest,)]
