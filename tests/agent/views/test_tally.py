"""Delivered events are counted under the words that both sides agree on."""

from datetime import date

from agent.journal import Transaction
from agent.views import tally
from tests.agent.office import Office


async def test_what_was_forgotten_is_counted_under_what_was_kept_of_it(office: Office) -> None:
    await office.receive()

    def forget_and_deliver(transaction: Transaction) -> None:
        conn, head = transaction.conn, transaction.head
        words = ("2026-11-20", "k" * 81, "a\0b")
        conn.execute("UPDATE event SET body = NULL WHERE hash = ?", (head.hash,))
        conn.execute(
            "INSERT INTO gone SELECT pos, zeroblob(32), ?, ?, ? FROM event WHERE hash = ?",
            (*words, head.hash),
        )
        transaction.set_delivered(head, transaction.now_ms)

    await office.journal.write(forget_and_deliver)
    (row,) = await office.journal.read(lambda conn: tally.days(conn, date(2026, 11, 20)))
    assert (row.day, row.kind, row.channel, row.count) == ("2026-11-20", "k" * 80, "ab", 1)
