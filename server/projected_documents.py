"""The documents that a batch of events tells of: which blobs the province has to ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.office_events import DocumentAttached
from server.ingest import IN_MAX
from server.store.projection_tables import document
from server.stored import StoredEvent
from wire.blob import sealed_bytes
from wire.limits import BLOB_PLAIN_BYTES_MAX, HASH_BYTES
from wire.problems import Refusal

KINDS: Final = "document."


class Documents:
    """The documents of one batch of one office."""

    def __init__(self, office_id: bytes) -> None:
        self._office_id = office_id
        self._known: set[bytes] = set()
        self._fresh: dict[bytes, dict[str, Any]] = {}

    async def load(self, conn: AsyncConnection, events: Sequence[StoredEvent]) -> None:
        """Read which of the blobs named are known already."""
        named = sorted({blob_id for event in events if (blob_id := _blob(event.body))})
        for start in range(0, len(named), IN_MAX):
            part = document.c.blob_id.in_(named[start : start + IN_MAX])
            query = select(document.c.blob_id).where(
                (document.c.office_id == self._office_id) & part
            )
            self._known |= {row.blob_id for row in await conn.execute(query)}

    def fold(self, event: StoredEvent, body: Struct) -> None:
        """Take one event into account; the first that tells of a blob counts.

        Raises Refusal field-invalid when it names none.
        """
        blob_id = _blob(body)
        if blob_id is None or not isinstance(body, DocumentAttached):
            raise Refusal("field-invalid", event.kind)
        if blob_id in self._known or blob_id in self._fresh:
            return
        self._fresh[blob_id] = {
            "office_id": self._office_id,
            "blob_id": blob_id,
            "dossier_id": event.subject.bytes,
            "device_id": event.device_id,
            "bytes": sealed_bytes(body.bytes),
        }

    async def write(self, conn: AsyncConnection) -> None:
        """Store what is new."""
        if self._fresh:
            await conn.execute(document.insert(), list(self._fresh.values()))


def _blob(body: Struct | None) -> bytes | None:
    """Return the id of the blob a body names, None when it names none that could be one."""
    if not isinstance(body, DocumentAttached) or not 0 <= body.bytes <= BLOB_PLAIN_BYTES_MAX:
        return None
    try:
        blob_id = bytes.fromhex(body.blob_id)
    except ValueError:
        return None
    return blob_id if len(blob_id) == HASH_BYTES else None
