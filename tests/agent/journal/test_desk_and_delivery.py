"""Desk events, the delivered mark, and answers that are remembered."""

from functools import partial

import pytest

from agent.journal import Journal, Transaction, answered
from agent.journal.verify import verify
from tests.agent.world import START_MS, chained, desk_event, note
from wire import chain
from wire.block import ChainedEvent, Gone
from wire.chain import Head
from wire.problems import Refusal

FIRST_ANSWER = answered.Answer(7, None)
EVENTS = [desk_event("notice.published", {"title": str(n), "text": "x"}) for n in range(4)]


async def test_desk_events_are_appended_once_however_often_they_come(journal: Journal) -> None:
    places = chained(journal.desk_head, EVENTS)
    await journal.write(lambda t: t.append_desk(places[:3]))
    appended = await journal.write(lambda t: t.append_desk(places))
    assert [place.seq for place in appended] == [4]
    assert journal.desk_head == Head(4, places[-1].hash)
    assert (await journal.read_apart(verify)).events == 4


async def test_a_gap_in_the_desk_journal_is_refused(journal: Journal) -> None:
    places = chained(journal.desk_head, EVENTS)
    with pytest.raises(Refusal, match="gap"):
        await journal.write(lambda t: t.append_desk(places[1:]))


async def test_another_desk_event_at_a_held_place_is_a_fork(journal: Journal) -> None:
    await journal.write(lambda t: t.append_desk(chained(t.desk_head, EVENTS[:2])))
    other = chained(journal.identity.desk_genesis, EVENTS[2:]) if journal.identity else []
    with pytest.raises(Refusal, match="fork"):
        await journal.write(lambda t: t.append_desk(other))


async def test_a_chain_that_does_not_lead_on_is_a_fork(journal: Journal) -> None:
    place = chained(journal.desk_head, EVENTS[:1])[0]
    with pytest.raises(Refusal, match="fork"):
        await journal.write(lambda t: t.append_desk([place._replace(hash=bytes(32))]))


async def test_a_redacted_desk_event_keeps_its_place_in_the_chain(journal: Journal) -> None:
    digest = chain.event_digest(EVENTS[0])
    gone = Gone(1, digest, "2026-11-20", "notice.published", "")
    place = ChainedEvent(1, None, digest, chain.link(journal.desk_head.hash, digest), gone)
    await journal.write(lambda t: t.append_desk([place]))
    assert (await journal.read_apart(verify)).ok


async def test_poison_from_the_desk_is_kept_named_and_blocks_nothing(journal: Journal) -> None:
    places = chained(journal.desk_head, [b'{"no":"event"}', EVENTS[0]])
    await journal.write(lambda t: t.append_desk(places))
    assert journal.desk_head.seq == 2
    problems = await journal.read(lambda c: c.execute("SELECT seq, code FROM problem").fetchall())
    assert problems == [(1, "event-malformed")]


async def test_a_receipt_moves_the_delivered_mark_forward_and_back(journal: Journal) -> None:
    heads = []
    for number in range(4):
        await journal.write(partial(Transaction.append, event=note(str(number))))
        heads.append(journal.head)
    total = journal.backlog_bytes
    await journal.write(lambda t: t.set_delivered(heads[2], START_MS))
    assert (journal.delivered, journal.backlog_events) == (heads[2], 1)
    await journal.write(lambda t: t.set_delivered(heads[0], START_MS + 1))
    assert (journal.delivered, journal.backlog_events) == (heads[0], 3)
    await journal.write(lambda t: t.set_delivered(heads[3], START_MS + 2))
    assert journal.backlog_bytes == 0 < total


async def test_going_back_to_nothing_delivered_is_possible(journal: Journal) -> None:
    await journal.write(lambda t: t.append(note()))
    await journal.write(lambda t: t.set_delivered(t.head, START_MS))
    assert journal.identity is not None
    genesis = journal.identity.genesis
    await journal.write(lambda t: t.set_delivered(genesis, START_MS))
    assert journal.delivered == genesis


@pytest.mark.parametrize("head", [Head(1, bytes(32)), Head(9, bytes(32))], ids=["other", "ahead"])
async def test_a_receipt_for_a_head_this_journal_never_had_is_refused(
    journal: Journal, head: Head
) -> None:
    await journal.write(lambda t: t.append(note()))
    with pytest.raises(Refusal, match="receipt-wrong"):
        await journal.write(lambda t: t.set_delivered(head, START_MS))


async def test_an_answer_is_found_by_key_actor_and_command(journal: Journal) -> None:
    place = answered.place("k1", "lan.nt", b"a" * 32)
    await journal.write(lambda t: answered.keep(t.conn, place, START_MS, FIRST_ANSWER))
    assert await journal.read(lambda c: answered.find(c, place)) == FIRST_ANSWER
    for other in (("k2", "lan.nt"), ("k1", "mai.tt")):
        elsewhere = answered.place(*other, b"a" * 32)
        assert await journal.read(partial(answered.find, wanted=elsewhere)) is None


async def test_the_same_key_with_another_command_is_refused(journal: Journal) -> None:
    first, other = (answered.place("k1", "lan.nt", digest * 32) for digest in (b"a", b"b"))
    await journal.write(lambda t: answered.keep(t.conn, first, START_MS, FIRST_ANSWER))
    with pytest.raises(Refusal, match="key-reused"):
        await journal.read(lambda c: answered.find(c, other))


async def test_answers_are_forgotten_after_thirty_days_and_not_before(journal: Journal) -> None:
    old, young = (answered.place(key, "a", bytes(32)) for key in ("old", "young"))
    month_ms = answered.KEPT_S * 1000
    await journal.write(lambda t: answered.keep(t.conn, old, START_MS, FIRST_ANSWER))
    await journal.write(lambda t: answered.keep(t.conn, young, START_MS + month_ms, FIRST_ANSWER))
    now_ms = START_MS + month_ms + 1000
    assert await journal.write(lambda t: answered.prune(t.conn, now_ms)) == (None, 1)
    assert await journal.read(lambda c: answered.find(c, young)) == FIRST_ANSWER


def _keep(place: answered.Place, transaction: Transaction) -> None:
    answered.keep(transaction.conn, place, 0, FIRST_ANSWER)


def _prune(after: int, transaction: Transaction) -> tuple[int | None, int]:
    return answered.prune(transaction.conn, now_ms=START_MS, after=after)


async def test_forgetting_looks_at_a_few_keys_at_a_time(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answered, "PRUNED_MAX", 3)
    for number in range(10):
        place = answered.place(f"k{number}", "a", bytes(32))
        await journal.write(partial(_keep, place))
    after: int | None = answered.FIRST
    forgotten = []
    while after is not None:
        after, count = await journal.write(partial(_prune, after))
        forgotten.append(count)
    assert forgotten == [3, 3, 3, 1]
