"""The receipt for outsiders, also of records in a journal that another follows now."""

from functools import partial
from uuid import UUID

import pytest

from agent.journal import Journal, Transaction, succession
from agent.receipt_file import proof
from agent.sync import store
from tests.agent.sync.conftest import Office
from wire import statements
from wire.chain import event_id
from wire.keys import SigningKey
from wire.problems import Refusal
from wire.statements import Receipt, read_unverified

KEY = SigningKey(bytes(32))


def receipt(journal: Journal) -> bytes:
    assert journal.identity is not None
    identity, head = journal.identity, journal.head
    said = Receipt(
        device_id=identity.device_id,
        journal=identity.journal,
        seq=head.seq,
        hash=head.hash,
        desk=identity.desk,
        desk_seq=0,
        desk_hash=identity.desk_genesis.hash,
        time_ms=1,
    )
    return statements.sign(said, KEY)


async def receipted(journal: Journal) -> None:
    statement = receipt(journal)
    await journal.write(lambda transaction: store.keep_proof(transaction, statement))


async def asked(journal: Journal, event: str | None) -> bytes:
    """The journal that the receipt for this event is about."""
    found = await journal.read(partial(proof, event=event))
    return read_unverified(found.receipt, Receipt).journal


async def test_a_record_before_a_succession_keeps_its_proof(office: Office) -> None:
    journal = office.journal
    with pytest.raises(Refusal, match="receipt-missing"):
        await asked(journal, None)
    await office.record(2)
    old = str(event_id(journal.head.hash))
    await receipted(journal)
    former = journal.marks.journal

    def follow(transaction: Transaction) -> int:
        head = transaction.head
        return succession.open_successor(transaction, bytes([7]) * 16, head, "fork", held=head.seq)

    await journal.write(follow)
    for named in (old, old.upper()):
        assert await asked(journal, named) == former
    with pytest.raises(Refusal, match="receipt-missing"):
        await asked(journal, "1")  # of the open journal nothing is proven
    await receipted(journal)
    expected: tuple[tuple[str | None, bytes], ...] = (
        (old, former),
        ("1", bytes([7]) * 16),
        (None, bytes([7]) * 16),
    )
    for event, journal_id in expected:
        assert await asked(journal, event) == journal_id
    for unknown in ("2", str(UUID(int=5)), "nonsense"):
        with pytest.raises(Refusal, match="receipt-missing"):
            await asked(journal, unknown)
