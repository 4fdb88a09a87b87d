"""A problem is shown until an own event, written afterwards, answers it."""

import pytest

from agent.journal import Journal
from tests.agent.world import START_MS, chained, desk_event
from wire import chain
from wire.event import Event, body_of, format_time

CODE = "field-invalid"


def told(subject: int | str | None = None, again: str | None = None) -> Event:
    """An event of a kind that no view knows."""
    return Event(
        kind="test.noted",
        subject=subject,
        again=again,
        at=format_time(START_MS),
        actor="lan.nt",
        body=body_of({}),
    )


async def append(journal: Journal, event: Event) -> str:
    """Append an event; return its id."""
    appended = await journal.write(lambda t: t.append(event))
    return str(appended.id)


async def noted(journal: Journal, *seqs: int) -> None:
    for seq in seqs:
        await journal.write(lambda t, seq=seq: t.note_problem("office", seq, CODE, ""))  # type: ignore[misc]


async def shown(journal: Journal) -> list[int]:
    return await journal.read(
        lambda c: [row[0] for row in c.execute("SELECT seq FROM problem ORDER BY seq")]
    )


async def test_what_is_told_of_the_same_subject_answers(journal: Journal) -> None:
    await append(journal, told())
    await append(journal, told())
    await append(journal, told(1))
    await noted(journal, 1, 2, 3)
    await append(journal, told(1))
    assert await shown(journal) == [2]
    await append(journal, told(2))
    assert await shown(journal) == []


async def test_what_was_written_before_anybody_knew_answers_nothing(journal: Journal) -> None:
    await append(journal, told())
    await append(journal, told(1))
    await noted(journal, 1)
    await append(journal, told())
    assert await shown(journal) == [1]


async def test_a_subject_that_the_province_made_is_named_by_its_id(journal: Journal) -> None:
    id_ = str(chain.event_id(b"h" * 32))
    await append(journal, told(id_))
    await append(journal, told(str(chain.event_id(b"i" * 32))))
    await noted(journal, 1, 2)
    await append(journal, told(id_))
    assert await shown(journal) == [2]


async def test_an_event_entered_again_answers(journal: Journal) -> None:
    first = await append(journal, told())
    await append(journal, told())
    await noted(journal, 1, 2)
    await append(journal, told(again=first))
    assert await shown(journal) == [2]
    await append(journal, told(again="no id"))
    assert await shown(journal) == [2]


@pytest.mark.parametrize("forget", [b"[]", None])
async def test_an_event_nobody_can_read_is_answered_by_its_id_alone(
    journal: Journal, forget: bytes | None
) -> None:
    id_ = await append(journal, told(7))
    await noted(journal, 1)
    await journal.write(lambda t: t.conn.execute("UPDATE event SET body = ?", (forget,)))
    await append(journal, told(7))
    assert await shown(journal) == [1]
    await append(journal, told(again=id_))
    assert await shown(journal) == []


async def test_remarks_on_a_message_hold_until_the_next(journal: Journal) -> None:
    await append(journal, told())
    await noted(journal, 1)
    await journal.write(lambda t: t.set_remarks([("office-differs", "a"), ("not-yours", "b")]))
    await journal.write(lambda t: t.set_remarks([("office-differs", "c")]))
    kept = await journal.read(
        lambda c: c.execute("SELECT seq, code, detail FROM problem ORDER BY no").fetchall()
    )
    assert kept == [(1, CODE, ""), (0, "office-differs", "a")]
    await journal.write(lambda t: t.set_remarks([]))
    assert await shown(journal) == [1]


async def test_desk_events_that_come_after_all_are_no_problem_any_more(journal: Journal) -> None:
    event = desk_event("notice.published", {"title": "a", "text": "b"})
    await journal.write(lambda t: t.note_problem("desk", 1, "event-malformed", "frame"))
    await journal.write(lambda t: t.forget_unread_desk())
    await journal.write(lambda t: t.append_desk(chained(t.desk_head, [b"[]", event])))
    await journal.write(lambda t: t.forget_unread_desk())
    assert await shown(journal) == [1]
