"""What the next message is made of, read from the file in one go."""

from __future__ import annotations

from dataclasses import dataclass

from agent.journal import succession
from agent.journal.database import Connection
from agent.sync import own_box, store
from agent.sync.blobs import Uploads
from agent.sync.store import Outgoing
from wire.chain import Head
from wire.plaintext import BlobState, Fetch


@dataclass(frozen=True, slots=True)
class Gathered:
    """`proof_ms`: when the newest receipt statement was kept; `branch`: wanted for reading."""

    outgoing: Outgoing
    proof_ms: int | None
    branch: Fetch | None
    box: bytes | None
    blobs: tuple[BlobState, ...]


def gather(
    connection: Connection,
    start: Head,
    plain_bytes: int,
    box: bytes,
    uploads: Uploads,
    *,
    gives_back: bool,
) -> Gathered:
    """Read it all. Called on a reader's thread; the parameters are those of `store` and others."""
    return Gathered(
        store.read_outgoing(connection, start, plain_bytes, gives_back=gives_back),
        store.proof_ms(connection),
        succession.wanted(connection),
        own_box.shown(connection, box),
        uploads.names(connection),
    )
