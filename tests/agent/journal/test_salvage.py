"""A damaged file: what leads on is kept, what is beyond a hole joins again, the rest is named."""

from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.journal import Journal, NoViews, Transaction, answered, database
from agent.journal.database import PAGE_BYTES
from agent.journal.salvage import Salvaged, salvage
from agent.journal.salvaged import SALVAGED, UNTIL
from agent.journal.transaction import get_meta
from agent.journal.verify import verify
from tests.agent.world import IDENTITY, KEY, START_MS, FakeClock, note
from wire import chain
from wire import event as wire_event
from wire.block import ChainedEvent, Gone
from wire.chain import Head
from wire.event import Event
from wire.problems import Refusal

EVENTS = 60
NOW_MS = START_MS


async def opened(file: Path) -> Journal:
    return await Journal.open(file, KEY, identity=IDENTITY, projector=NoViews(), clock=FakeClock())


def rows_of(connection: Any) -> list[ChainedEvent]:
    query = "SELECT seq, body, hash FROM event WHERE journal = 1 ORDER BY seq"
    return [
        ChainedEvent(seq, body, chain.event_digest(body), hash_, None)
        for seq, body, hash_ in connection.execute(query)
    ]


async def written(file: Path, *, delivered: int = 0) -> list[ChainedEvent]:
    """A journal of some sixty events; give them."""
    journal = await opened(file)
    jobs = [lambda t, n=n: t.append(note(f"{n:03} " + "x" * 400)) for n in range(EVENTS)]
    await journal.write_many(jobs)
    events = await journal.read(rows_of)
    if delivered:
        head = Head(delivered, events[delivered - 1].hash)
        await journal.write(lambda t: t.set_delivered(head, NOW_MS))
    await journal.close()
    return events


def damage(file: Path, *statements: str) -> None:
    connection = database.open_writer(file, KEY)
    connection.execute("PRAGMA foreign_keys = OFF")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def is_recovering(journal: Journal) -> bool:
    return journal.marks.is_recovering


def exists(file: str) -> bool:
    return Path(file).exists()


def content(file: Path) -> bytes:
    return file.read_bytes()


def save(file: Path) -> Salvaged:
    return salvage(file, KEY, IDENTITY, NOW_MS)


async def give(journal: Journal, events: list[ChainedEvent]) -> int:
    return await journal.write(partial(Transaction.append_given_back, events=events))


async def test_a_hole_that_the_province_fills_lets_the_rest_follow_where_it_was(
    file: Path,
) -> None:
    events = await written(file, delivered=30)
    damage(file, "DELETE FROM event WHERE seq BETWEEN 11 AND 20")
    saved = save(file)
    assert (saved.kept, saved.waiting, saved.missing) == (10, EVENTS - 20, ((11, 20),))
    assert exists(saved.aside)
    journal = await opened(file)
    assert journal.head.seq == 10
    assert is_recovering(journal), "nobody writes before it is back"
    assert await give(journal, events[10:30]) == 20, "the province had thirty"
    assert journal.head == Head(EVENTS, events[-1].hash)
    assert not is_recovering(journal)
    await journal.write(lambda t: t.expect_back(0))
    assert (await journal.write(lambda t: t.append(note()))).seq == EVENTS + 1
    assert (await journal.read_apart(verify)).ok
    left = await journal.read(
        lambda c: c.execute(f"SELECT count(*) FROM meta WHERE key LIKE '{SALVAGED}%'").fetchone()
    )
    assert left == (0,)
    await journal.close()


def flipped(file: Path, whole: bytes, page: int) -> None:
    """Put the file back with one bit of this page turned over."""
    data = bytearray(whole)
    data[page * PAGE_BYTES + 4000] ^= 1
    file.write_bytes(data)
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def saved_or_none(file: Path) -> Salvaged | None:
    try:
        return save(file)
    except Refusal:
        return None


async def test_pages_with_a_wrong_mac_cost_their_own_rows_and_no_others(file: Path) -> None:
    events = await written(file)
    whole = content(file)
    lost: list[int] = []
    beyond = 0
    for page in range(1, len(whole) // PAGE_BYTES):
        flipped(file, whole, page)
        saved = saved_or_none(file)
        if saved is None:
            beyond += 1
            continue
        journal = await opened(file)
        assert (await journal.read_apart(verify)).ok, page
        lost += [sum(last - first + 1 for first, last in saved.missing)]
        await give(journal, events[saved.kept :])
        assert journal.head == Head(EVENTS, events[-1].hash), page
        await journal.close()
    assert beyond <= 2, "the list of journals, and what leads to it"
    assert sum(count == EVENTS for count in lost) <= 1, "the page that leads to all events"
    assert sum(0 < count < EVENTS for count in lost) >= 3


async def test_what_no_side_has_is_named_for_good_and_the_rest_is_entered_anew(file: Path) -> None:
    events = await written(file)
    damage(file, "DELETE FROM event WHERE seq = 50")
    assert save(file).missing == ((50, 50),)
    journal = await opened(file)
    await journal.write(lambda t: t.expect_back(0))
    assert (await journal.write(lambda t: t.append(note()))).seq == EVENTS
    noted = await journal.read(lambda c: c.execute("SELECT code, detail FROM problem").fetchall())
    assert noted == [("events-lost", f"{IDENTITY.journal.hex()} 50..50")]
    entered = [
        wire_event.decode(item.event or b"") for item in (await journal.read(rows_of))[49:59]
    ]
    ids = [str(chain.event_id(item.hash)) for item in events[50:]]
    assert [event.again for event in entered] == ids
    assert (await journal.read_apart(verify)).ok
    assert await journal.read(partial(get_meta, key=f"{SALVAGED}51")) is None
    assert await journal.read(partial(get_meta, key=UNTIL)) is None
    await journal.close()


def speaking_of(subject: int | str | None, seen: int | None = None) -> Event:
    return msgspec.structs.replace(note(), subject=subject, seen=seen)


async def test_events_entered_anew_name_what_they_named(file: Path) -> None:
    await written(file)
    journal = await opened(file)
    at_60 = str(chain.event_id(journal.head.hash))
    spoken = [speaking_of(5), speaking_of(61, 60), speaking_of(at_60)]
    await journal.write_many([partial(Transaction.append, event=event) for event in spoken])
    await journal.close()
    damage(file, "DELETE FROM event WHERE seq = 58")
    save(file)
    journal = await opened(file)
    await journal.write(lambda t: t.expect_back(0))
    entered = [wire_event.decode(item.event or b"") for item in (await journal.read(rows_of))[59:]]
    assert [(event.subject, event.seen) for event in entered] == [(5, None), (60, 59), (59, None)]
    await journal.close()


async def test_what_names_a_lost_event_is_lost_with_it_and_what_names_that_one(file: Path) -> None:
    await written(file)
    journal = await opened(file)
    spoken = [speaking_of(58), speaking_of(61), speaking_of(5, 58), speaking_of(60)]
    await journal.write_many([partial(Transaction.append, event=event) for event in spoken])
    await journal.close()
    damage(file, "DELETE FROM event WHERE seq = 58")
    save(file)
    journal = await opened(file)
    await journal.write(lambda t: t.expect_back(0))
    assert journal.head.seq == 57 + 3, "59, 60 and the last"
    assert await lost(journal) == [f"{IDENTITY.journal.hex()} 58..58, 61..63"]
    await journal.close()


async def lost(journal: Journal) -> list[str]:
    query = "SELECT detail FROM problem WHERE code = 'events-lost'"
    return [row[0] for row in await journal.read(lambda c: c.execute(query).fetchall())]


async def test_what_cannot_be_read_or_does_not_lead_on_is_lost(file: Path) -> None:
    events = await written(file)
    damage(
        file,
        "DELETE FROM event WHERE seq IN (20, 40)",
        "UPDATE event SET body = x'00' WHERE seq = 41",
        "UPDATE event SET body = (SELECT body FROM event WHERE seq = 22) WHERE seq = 21",
    )
    save(file)
    journal = await opened(file)
    await give(journal, events[19:20])
    await journal.write(lambda t: t.expect_back(0))
    assert await lost(journal) == [f"{IDENTITY.journal.hex()} 21..21, 40..41"]
    assert journal.head.seq == EVENTS - 3
    await journal.close()


async def test_what_waits_goes_on_waiting_through_a_second_salvage(file: Path) -> None:
    events = await written(file, delivered=30)
    damage(file, "DELETE FROM event WHERE seq BETWEEN 11 AND 20")
    save(file)
    damage(file, "DELETE FROM event WHERE seq = 5")
    assert save(file).kept == 4
    journal = await opened(file)
    assert journal.marks.promised == EVENTS
    assert await give(journal, events[4:20]) == 16
    assert journal.head == Head(EVENTS, events[-1].hash)
    await journal.close()


async def test_events_beyond_a_hole_that_do_not_lead_on_are_not_joined(file: Path) -> None:
    events = await written(file)
    damage(
        file,
        "DELETE FROM event WHERE seq = 20",
        "UPDATE event SET body = x'00' WHERE seq IN (21, 40)",
    )
    saved = save(file)
    assert saved.missing == ((20, 20), (40, 40)), "what follows a hole shows later what it is"
    journal = await opened(file)
    await give(journal, events[19:20])
    assert journal.head.seq == 20, "21 is not what it was"
    await give(journal, events[20:])
    assert journal.head == Head(EVENTS, events[-1].hash)
    await journal.close()


@pytest.mark.parametrize(
    "statement", ["DELETE FROM journal", "UPDATE journal SET id = zeroblob(16)"]
)
async def test_without_the_list_of_journals_only_a_backup_helps(file: Path, statement: str) -> None:
    await written(file)
    damage(file, statement)
    with pytest.raises(Refusal, match="journal-damaged"):
        save(file)
    assert exists(str(file))


async def test_receipts_users_keys_and_forgotten_events_come_along(file: Path) -> None:
    journal = await opened(file)
    gone = bytes(range(32))
    first = ChainedEvent(
        1, None, gone, chain.link(IDENTITY.genesis.hash, gone),
        Gone(1, gone, "2026-11-21", "visit.checked_in", ""),
    )  # fmt: skip
    await give(journal, [first])
    await journal.write_many([lambda t: t.append(note())] * 3)
    key = answered.place("k", "lan.nt", bytes(32))

    def rest(transaction: Transaction) -> None:
        conn = transaction.conn
        answered.keep(conn, key, NOW_MS, answered.Answer(2, None))
        conn.execute("INSERT INTO user VALUES ('lan.nt', 'clerk', 'Lan', x'00', x'00', 0)")
        conn.execute("INSERT INTO arrived VALUES (x'01', 1)")
        conn.execute("INSERT INTO scan VALUES (1, x'02', 'scan.pdf', 1, x'03', x'04')")
        conn.execute("INSERT INTO scan_source VALUES (x'05', 1, 2, x'03')")
        transaction.set_delivered(transaction.head, NOW_MS)
        transaction.set_meta("running_boot", "boot")

    await journal.write(rest)
    head = journal.head
    await journal.close()
    saved = save(file)
    assert (saved.kept, saved.waiting, saved.missing) == (4, 0, ())
    journal = await opened(file)
    assert journal.head == journal.delivered == head
    assert (await journal.read_apart(verify)).ok
    assert await journal.read(partial(answered.find, wanted=key)) == (2, None)
    assert await journal.read(lambda c: c.execute("SELECT name FROM user").fetchall()) == [
        ("lan.nt",)
    ]
    assert await journal.read(lambda c: c.execute("SELECT * FROM arrived").fetchall()) == [
        (b"\x01", 1)
    ]
    assert await journal.read(lambda c: c.execute("SELECT * FROM scan").fetchall()) == [
        (1, b"\x02", "scan.pdf", 1, b"\x03", b"\x04")
    ]
    assert await journal.read(lambda c: c.execute("SELECT * FROM scan_source").fetchall()) == [
        (b"\x05", 1, 2, b"\x03")
    ]
    for name in ("running_boot", "keys_since"):
        assert await journal.read(partial(get_meta, key=name)) is None
    await journal.close()


async def test_answers_to_keys_of_lost_events_are_said_to_be_unknown(file: Path) -> None:
    journal = await opened(file)
    await journal.write_many([lambda t: t.append(note())] * 3)
    key = answered.place("k", "lan.nt", bytes(32))
    await journal.write(lambda t: answered.keep(t.conn, key, NOW_MS, answered.Answer(3, None)))
    await journal.close()
    damage(file, "DELETE FROM event WHERE seq = 3")
    save(file)
    journal = await opened(file)
    assert await journal.read(partial(answered.find, wanted=key)) is None
    assert await journal.read(partial(get_meta, key="keys_since")) is not None
    await journal.close()
