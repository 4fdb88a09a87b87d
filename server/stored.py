"""An event as the province holds it: its place, its times, its parts already read."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from msgspec import Struct

from wire.event import Event

Clock = Literal["ok", "corrected", "uncertain"]


class StoredEvent(Struct, frozen=True, kw_only=True):
    """One good event of an office journal.

    `id` and `subject` are derived ids (docs/protocol.md section 3); `subject` equals `id` in the
    event that creates what it tells of. `occurred_ms` is `event.at` corrected as far as the clock
    of that boot is known, and `clock` says how far that goes. `body` is None for a kind this
    program does not know. `raw` are the bytes as written.
    """

    office_id: bytes
    device_id: bytes
    journal_id: bytes
    journal_no: int
    seq: int
    hash: bytes
    id: UUID
    subject: UUID
    kind: str
    at: str
    occurred_ms: int
    clock: Clock
    received_ms: int
    event: Event
    body: Struct | None
    raw: bytes
