"""The answer to the enrolment: the first turn to show and the first desk events.

Whoever enrolled this box checked it link by link and left it as a file (docs/protocol.md
section 10); the request it names is gone, so here only seal and signature are looked at again.
"""

from __future__ import annotations

from functools import partial

from agent.journal import Journal, Transaction
from agent.journal.transaction import get_meta
from agent.keys import Enrolment
from agent.sync import store
from agent.sync.answer import Answer, examine, open_down
from agent.sync.receipts import adopt


async def adopt_first_answer(journal: Journal, enrolment: Enrolment, answer: bytes) -> bool:
    """Take the enrolment's answer in, unless an exchange or an earlier start already did.

    Returns whether it was news. Call it after `Journal.enrol`, before `Syncer.run`.

    Raises:
        ExchangeError: the file is not an answer of this province to this device; nobody looks
            at it once an exchange has been.
        Refusal: what it brings does not follow what is held, or cannot be made durable.
    """
    if await journal.read(partial(get_meta, key=store.TURN)) is not None:
        return False
    checked = examine(open_down(answer, enrolment), enrolment)
    return await journal.write(partial(_once, answer=checked))


def _once(transaction: Transaction, answer: Answer) -> bool:
    if transaction.get_meta(store.TURN) is not None:
        return False
    adopt(transaction, answer)
    return True
