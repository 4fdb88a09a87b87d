"""Reconciling says whether anything is missing, and leads to the events."""

from typing import Any

import pytest

from agent.journal import Transaction
from agent.reconciling import Reconciled, reconcile
from agent.sync.store import PROOF
from tests.agent.office import Office
from tests.agent.world import START_MS
from wire import statements
from wire.chain import Head
from wire.keys import SigningKey
from wire.statements import Receipt

DAY = "2026-11-20"


async def compared(office: Office, day: str | None = None, kind: str | None = None) -> Reconciled:
    found = await office.journal.read(lambda conn: reconcile(conn, day=day, kind=kind))
    assert found is not None
    return found


async def deliver(office: Office, upto: int, **changes: Any) -> None:
    """Let the province acknowledge up to `upto`, with a statement."""

    def job(transaction: Transaction) -> None:
        hash_ = transaction.hash_at(upto)
        identity = transaction.identity
        assert hash_ is not None
        assert identity is not None
        transaction.set_delivered(Head(upto, hash_), START_MS)
        said: dict[str, Any] = {"journal": identity.journal, "seq": upto, "hash": hash_} | changes
        receipt = Receipt(
            device_id=identity.device_id, desk=b"k" * 16, desk_seq=0, desk_hash=bytes(32),
            time_ms=START_MS, **said,
        )  # fmt: skip
        transaction.set_meta(PROOF, statements.sign(receipt, SigningKey(b"p" * 32)))

    await office.journal.write(job)


async def test_what_was_never_acknowledged_is_missing_event_by_event(office: Office) -> None:
    first = await office.receive()
    second = await office.receive(channel="postal")
    found = await compared(office)
    assert (found.ok, found.missing, found.receipt) == (False, 2, None)
    assert [(one.id, one.channel) for one in found.events] == [
        (str(first.id), "direct"), (str(second.id), "postal"),
    ]  # fmt: skip
    assert [(line.day, line.recorded, line.delivered) for line in found.days] == [(DAY, 1, 0)] * 2


async def test_nothing_is_missing_once_all_is_acknowledged(office: Office) -> None:
    await office.receive()
    await office.check_in()
    await deliver(office, 2)
    found = await compared(office)
    assert (found.ok, found.missing, found.days, found.events) == (True, 0, (), ())
    assert found.receipt is not None
    assert (found.receipt.seq, found.receipt.agrees) == (2, True)


async def test_a_day_and_a_kind_are_looked_at_whole(office: Office) -> None:
    await office.receive()
    await office.check_in()
    await deliver(office, 1)
    (line,) = (await compared(office, DAY, "dossier.received")).days
    assert (line.recorded, line.delivered, line.tallied) == (1, 1, True)
    assert (await compared(office, "2026-11-19")).days == ()
    assert (await compared(office, kind="dossier.received")).events == ()
    assert len((await compared(office, kind="visit.checked_in")).events) == 1


async def test_a_tally_that_says_something_else_is_named(office: Office) -> None:
    await office.receive()
    await deliver(office, 1)
    await office.journal.write(lambda t: t.conn.execute("UPDATE day_tally SET count = 2").rowcount)
    found = await compared(office)
    assert (found.ok, found.missing) == (False, 0)
    assert [line.tallied for line in found.days] == [False]


@pytest.mark.parametrize(("changes", "agrees"), [({"hash": bytes(32)}, False), ({"seq": 9}, False)])
async def test_a_receipt_of_another_chain_is_never_delivery(
    office: Office, changes: dict[str, Any], agrees: bool
) -> None:
    await office.receive()
    await deliver(office, 1, **changes)
    found = await compared(office)
    assert found.receipt is not None
    assert (found.receipt.agrees, found.ok) == (agrees, False)


async def test_a_receipt_of_a_former_journal_tells_nothing(office: Office) -> None:
    await office.receive()
    await deliver(office, 1, journal=b"f" * 16)
    assert (await compared(office)).receipt is None


async def test_an_empty_journal_and_its_receipt_agree(office: Office) -> None:
    await deliver(office, 0)
    found = await compared(office)
    assert (found.ok, found.head[0]) == (True, 0)
