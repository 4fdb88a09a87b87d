"""A rebuilt view equals the one that grew, whatever happened, on a real encrypted file."""

import asyncio
import itertools
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.journal import Journal, Transaction
from agent.views import rebuild as rebuilding
from agent.views.rebuild import rebuild
from agent.views.tables import TABLES
from records import synthetic
from tests.agent.office import Office, opened
from tests.agent.world import FakeClock, as_json, chained, desk_event, lease
from wire.chain import Head
from wire.problems import Refusal

Dump = dict[str, list[tuple[Any, ...]]]


async def dump(journal: Journal) -> Dump:
    """Every row of every view, and the problems that projecting left."""
    tables = [*TABLES, "problem", "view"]
    return await journal.read(
        lambda c: {name: sorted(c.execute(f"SELECT * FROM {name}"), key=repr) for name in tables}
    )


async def assert_rebuilt_equals_grown(office: Office) -> None:
    grown = await dump(office.journal)
    reached: list[int] = []
    await rebuild(office.journal, office.views, reached.append)
    assert await dump(office.journal) == grown
    assert reached[-1:] in ([], [office.journal.marks.pos])


def everyday(seed: int, count: int) -> list[bytes]:
    return [as_json(command) for command in itertools.islice(synthetic.everyday(seed), count)]


STEP = st.one_of(
    st.tuples(st.just("work"), st.integers(1, 25)),
    st.tuples(st.just("refused"), st.sampled_from([b"{}", b'{"type":"dossier.pay"}'])),
    st.tuples(st.just("rejected"), st.integers(1, 80)),
    st.tuples(st.just("progressed"), st.integers(1, 40)),
    st.tuples(st.just("mapped"), st.integers(1, 40)),
    st.tuples(st.just("delivered"), st.floats(0, 1)),
    st.tuples(st.just("lease"), st.integers(1, 5000)),
    st.tuples(st.just("poison"), st.sampled_from([b"[]", b'{"kind":"x"}', b"\xff"])),
    st.tuples(st.just("strange"), st.sampled_from(["policy.set", "dossier.assigned", "x.new"])),
    st.tuples(st.just("order"), st.sampled_from(["policy.revoked", "notice.published"])),
)
BODIES: dict[str, object] = {
    "policy.revoked": {"order": "18"},
    "notice.published": {"title": "a", "text": "b"},
}


async def take(office: Office, step: tuple[str, Any], work: Any) -> None:
    """Let one thing happen."""
    what, detail = step
    journal = office.journal

    async def desk(kind: str, body: object) -> None:
        event = desk_event(kind, body, at_ms=office.clock.now_ms())
        await journal.write(lambda t: t.append_desk(chained(t.desk_head, [event])))

    match what:
        case "work":
            office.clock.advance(45_000)
            lines = [(line, "lan.nt") for line in itertools.islice(work, detail)]
            await office.service.submit_many(lines)
        case "refused":
            assert isinstance((await office.service.submit_many([(detail, None)]))[0], Refusal)
        case "rejected":
            body = {"journal": b"j".hex() * 16, "seq": detail, "code": "field-invalid"}
            await desk("event.rejected", body)
        case "progressed":
            await desk("dossier.progressed", {"dossier": f"2026/1/{detail}", "state": "resolved"})
        case "mapped":
            code = f"H26.107.00-261121-{detail:06d}"
            await desk("numbers.mapped", {"dossier": f"2026/1/{detail}", "code": code})
        case "delivered":
            seq = int(journal.head.seq * detail)
            hash_ = await journal.write(lambda t: t.hash_at(seq))
            assert hash_ is not None
            head = journal.head._replace(seq=seq, hash=hash_)
            await journal.write(lambda t: t.set_delivered(head, office.clock.now_ms()))
        case "lease":
            await desk("numbers.leased", lease(**{"from": detail, "to": 9000}))
        case "poison":
            await journal.write(lambda t: t.append_desk(chained(t.desk_head, [detail])))
        case "strange":
            await desk(detail, {"never": "seen"})
        case "order":
            await desk(detail, BODIES[detail])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), steps=st.lists(STEP, max_size=12))
def test_rebuilt_equals_grown(seed: int, steps: list[tuple[str, Any]]) -> None:
    async def story(file: Path) -> None:
        async with opened(file, FakeClock()) as office:
            work = (as_json(command) for command in synthetic.everyday(seed))
            for step in steps:
                await take(office, step, work)
            await assert_rebuilt_equals_grown(office)

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(story(Path(directory) / "journal.db"))


async def test_a_rebuild_goes_in_batches_and_tells_how_far_it_is(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "BATCH_EVENTS", 50)
    await office.service.submit_many([(line, "lan.nt") for line in everyday(1, 120)])
    reached: list[int] = []
    before = await dump(office.journal)
    await rebuild(office.journal, office.views, reached.append)
    assert len(reached) > 3
    assert reached == sorted(reached)
    assert await dump(office.journal) == before


async def test_while_it_is_not_done_commands_are_refused_and_events_still_come_in(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "BATCH_EVENTS", 50)
    await office.receive()
    await office.journal.write(lambda t: rebuilding.start(t.conn, office.views))
    with pytest.raises(Refusal, match="views-stale"):
        await office.receive()
    notice = desk_event("notice.published", {"title": "a", "text": "b"})
    await office.journal.write(lambda t: t.append_desk(chained(t.desk_head, [notice])))
    await rebuild(office.journal, office.views, lambda _: None, anew=False)
    await office.receive()
    await assert_rebuilt_equals_grown(office)


async def test_an_interrupted_rebuild_goes_on_at_the_next_start(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "BATCH_EVENTS", 40)
    file = tmp_path / "journal.db"
    async with opened(file, clock) as office:
        await office.service.submit_many([(line, "lan.nt") for line in everyday(2, 60)])
        before = await dump(office.journal)
        await office.journal.write(lambda t: rebuilding.start(t.conn, office.views))
        identity, views = office.journal.identity, office.views
        await office.journal.write(lambda t: rebuilding.replay(t.conn, views, identity))
    async with opened(file, clock) as office:
        stale = [office.views.stale]
        await rebuild(office.journal, office.views, lambda _: None, anew=False)
        stale.append(office.views.stale)
        assert stale == [True, False]
        assert await dump(office.journal) == before


async def test_tables_of_another_version_are_built_anew(tmp_path: Path, clock: FakeClock) -> None:
    file = tmp_path / "journal.db"
    async with opened(file, clock) as office:
        await office.receive()
        before = await dump(office.journal)
        await office.journal.write(lambda t: t.conn.execute("UPDATE view SET version = 0"))
    async with opened(file, clock) as office:
        assert office.views.stale
        await rebuild(office.journal, office.views, lambda _: None, anew=False)
        assert await dump(office.journal) == before


async def test_nothing_to_do_is_done_at_once(office: Office) -> None:
    await office.receive()
    before = await dump(office.journal)
    await rebuild(office.journal, office.views, lambda _: None, anew=False)
    assert await dump(office.journal) == before


async def deliver(journal: Journal, seq: int) -> None:
    def job(transaction: Transaction) -> None:
        hash_ = transaction.hash_at(seq)
        assert hash_ is not None
        transaction.set_delivered(Head(seq, hash_), transaction.now_ms)

    await journal.write(job)


async def test_what_is_delivered_beside_a_rebuild_is_counted_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "BATCH_EVENTS", 20)
    journal, views, identity = office.journal, office.views, office.journal.identity
    for _ in range(60):
        await office.receive()
    await deliver(journal, 5)
    await journal.write(lambda t: rebuilding.start(t.conn, views))
    await journal.write(lambda t: rebuilding.replay(t.conn, views, identity))
    await deliver(journal, 60)
    await journal.write(lambda t: rebuilding.replay(t.conn, views, identity))
    await deliver(journal, 50)
    await rebuild(journal, views, lambda _: None, anew=False)
    tally = await journal.read(lambda c: c.execute("SELECT count FROM day_tally").fetchall())
    assert tally == [(50,)]
    await assert_rebuilt_equals_grown(office)


async def test_what_comes_before_a_whole_rebuild_is_believed_is_not_passed_over(
    office: Office,
) -> None:
    journal, views, identity = office.journal, office.views, office.journal.identity
    await office.receive()
    await journal.write(lambda t: rebuilding.start(t.conn, views))
    for _ in "events", "no more":
        await journal.write(lambda t: rebuilding.replay(t.conn, views, identity))
    progressed = desk_event("dossier.progressed", {"dossier": "2026/1/1", "state": "resolved"})
    await journal.write(lambda t: t.append_desk(chained(t.desk_head, [progressed])))
    await deliver(journal, 1)
    await rebuild(journal, views, lambda _: None, anew=False)
    assert not views.stale
    await assert_rebuilt_equals_grown(office)
