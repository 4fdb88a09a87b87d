"""What every room of the running server needs; made once in `server.main` and passed down."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from server.admission import Admission
from server.config import Config
from server.keys import ServerKeys
from server.rates import Rates
from server.store.engine import Store
from server.stored import StoredEvent
from wire.plaintext import Problem


class Projector(Protocol):
    """Turns events into the province's tables, in the transaction that took them in."""

    def __call__(
        self, conn: AsyncConnection, office_id: bytes, events: Sequence[StoredEvent], /
    ) -> Coroutine[Any, Any, list[Problem]]:
        """Apply `events` of one journal in order; return what could not be applied."""
        ...


@dataclass(frozen=True, slots=True)
class ServerContext:
    """Settings, database, keys, and the doors to time and chance.

    `now_ms` is the server's clock; `random_bytes` gives unguessable bytes; `jitter` only spreads
    load; `admission` bounds what runs at once. `senders`, `tickets` and `addresses` hold how often
    each of them may still ask. `carried`: the messages come by stick, not over the line.
    """

    config: Config
    store: Store
    keys: ServerKeys
    project: Projector
    now_ms: Callable[[], int]
    random_bytes: Callable[[int], bytes]
    jitter: Random
    admission: Admission
    senders: Rates
    tickets: Rates
    addresses: Rates
    carried: bool = False

    def known_by(self, kid: bytes) -> ServerContext:
        """Return this, speaking as somebody knows it who seals to the key of this kid."""
        return replace(self, keys=self.keys.known_by(kid))
