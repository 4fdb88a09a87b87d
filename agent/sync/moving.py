"""Finding the province again that a device's messages are not sealed to any more.

409 `receiver-unknown` is nobody's signed word, and neither is what `GET /v1/province` brings, over
a line that nobody vouches for: it only makes the device look at who signed it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, TypeAlias

from agent.journal import Journal
from agent.sync import faults, successor
from agent.sync.transport import ExchangeError
from wire.problems import Malformed, Refusal
from wire.statements import Province
from wire.succession import succeed

AskProvince: TypeAlias = Callable[[int], Awaitable[bytes]]
"""Fetches what follows the statement with this number. Raises ExchangeError."""


class JournalFollowed(Exception):  # noqa: N818 - a state of the journal
    """Another journal follows the one that a syncer keeps: it is for another to keep."""


class Moved(Exception):  # noqa: N818 - a state of the province
    """The province has other keys, and they are kept: a syncer that knows them goes on."""


async def look(
    journal: Journal, held: Province, ask: AskProvince | None, met: ExchangeError
) -> ExchangeError:
    """Take the province that follows `held` if there is one; else return what is the trouble.

    That is what was `met`, or `province-older` when the root's own word shows that its server went
    back. Whatever else comes back, from whomever, changes nothing. Raises Moved once the new
    statement is kept.
    """
    if met.fault is not faults.RECEIVER_UNKNOWN or ask is None:
        return met
    try:
        followed = succeed(held, await ask(held.n))
        if followed is None:
            return met
        await journal.write(partial(successor.keep, followed=followed))
    except (ExchangeError, Malformed):
        return met
    except Refusal as refusal:
        older = refusal.code == faults.PROVINCE_OLDER.code
        return ExchangeError(faults.PROVINCE_OLDER, str(refusal)) if older else met
    raise Moved("the province moved")


async def cancellable(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end, and end with it when cancelled.

    A group of tasks that ends with an exception of its own in that very moment forgets that it was
    cancelled, and whoever begins it anew would go on for ever: so it runs in a task of its own.
    """
    inner = asyncio.create_task(work, name="sync")
    try:
        await asyncio.wait([inner])
    except asyncio.CancelledError:
        inner.cancel()
        await asyncio.wait([inner])
        raise
    inner.result()
