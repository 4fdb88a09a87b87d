"""What messages say about blobs (docs/protocol.md section 7), and what answers say back.

A device names blobs only when it has to know: those it has sent whole, and the next ones to send
while it holds no grant. The province answers which of them it lacks. A blob that was named as
sent, in a current message whose receipt is good, and is not asked for, is there: nothing else,
no status of the upload itself, says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agent.journal import Transaction
from agent.journal.database import Connection
from agent.views import documents
from agent.views.documents import WaitingBlob
from wire.limits import BLOBS_NAMED_MAX
from wire.plaintext import BlobState, Down

NEXT_MAX = 4
"""Blobs named that were not sent yet: the first of them gets the grant, the others are spare."""


class Uploads:
    """What sync and uploader tell each other; on the event loop alone.

    Nothing here is written down: after a restart the province is asked again.
    """

    def __init__(self) -> None:
        self.grant: bytes | None = None
        self.sent: dict[bytes, int] = {}
        """Blobs that the province took to their last byte, by their size."""
        self.news = asyncio.Event()
        """Set when a grant came, or what waits may have changed."""
        self.ask: Callable[[], None] = lambda: None
        """Tells the sync engine that something is to be asked."""

    def names(self, connection: Connection) -> tuple[BlobState, ...]:
        """Return what the next message says. Called on a reader's thread.

        Also blobs whose events go along only now: the answer to these brings the grant.
        """
        waiting = documents.waiting(connection, BLOBS_NAMED_MAX, delivered=False)
        sent = dict(self.sent)
        unsent = [] if self.grant else [b for b in waiting if b.blob_id not in sent]
        said = [BlobState(blob_id, size, size) for blob_id, size in sent.items()]
        said += [BlobState(blob.blob_id, 0, blob.size) for blob in unsent[:NEXT_MAX]]
        return tuple(said[:BLOBS_NAMED_MAX])

    def note_sent(self, blob: WaitingBlob) -> None:
        """A blob was taken to its last byte: ask whether it is there."""
        self.sent[blob.blob_id] = blob.size
        self.ask()

    def lost_grant(self) -> None:
        """The grant is over: ask for another."""
        self.grant = None
        self.ask()

    def is_asking(self, named: tuple[BlobState, ...]) -> bool:
        """Whether something was sent whole that the last message did not name."""
        return bool(self.sent.keys() - {state.id for state in named})

    def answered(self, named: tuple[BlobState, ...], down: Down) -> None:
        """Take what a bound answer says, once it is durable."""
        if down.wanted or down.grant is not None:
            self.grant = down.grant
        for blob_id in (*down.wanted, *(state.id for state in named)):
            self.sent.pop(blob_id, None)
        self.news.set()

    @staticmethod
    def apply(transaction: Transaction, named: tuple[BlobState, ...], down: Down) -> None:
        """Write down what a bound answer says of blobs; inside the job of its other effects."""
        if down.stale or down.verdict != "ok":
            return
        for blob_id in down.wanted:
            documents.set_wanted(transaction.conn, blob_id)
        for state in named:
            if state.have == state.size and state.id not in down.wanted:
                documents.set_arrived(transaction.conn, state.id, transaction.now_ms)


class NoUploads(Uploads):
    """For a journal without documents: names none, and takes no word of any."""

    def names(self, connection: Connection) -> tuple[BlobState, ...]:  # noqa: ARG002
        """Return nothing."""
        return ()

    @staticmethod
    def apply(transaction: Transaction, named: tuple[BlobState, ...], down: Down) -> None:
        """Do nothing."""
