"""What waits is counted by kind, and stays right while records come and receipts arrive."""

from agent.journal import Journal
from agent.views.waiting import Waiting, WaitingCounts
from tests.agent.web.office import CHECK_IN, RECEIVE, Office
from tests.agent.world import START_MS, as_json

SECOND_MS = 1_000


async def counted(counts: WaitingCounts, journal: Journal) -> list[Waiting]:
    delivered, head = journal.delivered, journal.head
    waiting = await journal.read(lambda connection: counts.read(connection, delivered, head))
    fresh = await journal.read(lambda connection: WaitingCounts().read(connection, delivered, head))
    assert waiting == fresh, "counting on differs from counting anew"
    return list(waiting)


async def test_counts_follow_records_and_receipts(office: Office) -> None:
    counts, journal, submit = WaitingCounts(), office.journal, office.parts.service.submit_line
    start = START_MS // SECOND_MS * SECOND_MS
    assert await counted(counts, journal) == []
    await submit(as_json(RECEIVE), "lan.nt")
    first = journal.head
    assert await counted(counts, journal) == [Waiting("dossier", 1, start)]
    office.clock.advance(60 * SECOND_MS)
    await submit(as_json(CHECK_IN), "lan.nt")
    await submit(as_json(RECEIVE), "lan.nt")
    later = start + 60 * SECOND_MS
    assert await counted(counts, journal) == [
        Waiting("dossier", 2, start),
        Waiting("visit", 1, later),
    ]
    await journal.write(lambda t: t.set_delivered(first, 1))
    assert await counted(counts, journal) == [
        Waiting("dossier", 1, later),
        Waiting("visit", 1, later),
    ]
    head = journal.head
    await journal.write(lambda t: t.set_delivered(head, 2))
    assert await counted(counts, journal) == []


async def test_a_lowered_mark_makes_records_wait_again(office: Office) -> None:
    counts, journal = WaitingCounts(), office.journal
    await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")
    first = journal.head
    await office.parts.service.submit_line(as_json(RECEIVE), "lan.nt")
    head = journal.head
    await journal.write(lambda t: t.set_delivered(head, 1))
    assert await counted(counts, journal) == []
    await journal.write(lambda t: t.set_delivered(first, 2))
    assert [row.count for row in await counted(counts, journal)] == [1]
