"""Sends blobs while nothing more important is to be sent: one task of the daemon.

- Events first: nothing is sent while events wait, or while the line is not well.
- None in quiet hours, nor when the day's bytes are used up (`agent.sync.thrift`).
- Urgent blobs first, then the one with the least left (`agent.views.documents.waiting`).
- A request carries what the line moves in about eight seconds, so a cut costs at most one.
- Where an upload stands the province is asked, never remembered: a kill or a restored disk
  changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine
from functools import partial
from random import Random
from typing import Any, Final

import structlog

from agent.blobs.folder import BlobFolder
from agent.blobs.tus import GrantOver, NotAsked, TusClient, UploadCut
from agent.journal import Journal
from agent.sync.blobs import Uploads
from agent.sync.saving import Saving
from agent.views import documents
from agent.views.documents import WaitingBlob
from wire.limits import EXCHANGE_AIM_S, RETRY_S_MAX, RETRY_S_MIN
from wire.problems import Refusal

_log = structlog.get_logger("agent")

PIECE_BYTES_MIN: Final = 16 << 10
PIECE_BYTES_MAX: Final = 4 << 20
"""Bounds of one request: below, its head weighs too much; above, it would sit in memory."""
GOODPUT_ASSUMED_BYTES_S: Final = 8_000
LOOK_S: Final = 30.0
"""Without any news what waits is looked at this often."""
CHOSEN_FROM: Final = 256
"""Blobs looked at when the next is chosen."""


class Uploader:
    """Sends what waits. `is_well` tells whether the line is; `line_news` when that may change."""

    def __init__(
        self,
        journal: Journal,
        folder: BlobFolder,
        client: TusClient,
        uploads: Uploads,
        *,
        is_well: Callable[[], bool],
        line_news: Callable[[], asyncio.Event],
        goodput_bytes_s: Callable[[], int | None],
        random: Random,
        saving: Saving,
    ) -> None:
        self._journal, self._folder, self._client, self._uploads = journal, folder, client, uploads
        self._is_well, self._line_news = is_well, line_news
        self._goodput, self._random = goodput_bytes_s, random
        self._saving = saving
        self._left_aside: set[bytes] = set()
        self._failures = 0

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            while True:
                news, line = self._uploads.news, self._line_news()
                news.clear()
                grant = self._uploads.grant
                blob = await self._next() if grant and self._may_send() else None
                if grant is None or blob is None:
                    await _first_of(news.wait(), line.wait(), within_s=LOOK_S)
                    self._left_aside.clear()
                else:
                    await self._send(grant, blob)
        finally:
            await self._client.close()

    def _may_send(self) -> bool:
        return self._is_well() and not self._journal.backlog_events

    async def _next(self) -> WaitingBlob | None:
        waiting = await self._journal.read(partial(documents.waiting, limit=CHOSEN_FROM))
        passed = self._left_aside | self._uploads.sent.keys()
        going = (blob for blob in waiting if self._saving.lets_go(urgent=blob.urgent))
        return next((blob for blob in going if blob.blob_id not in passed), None)

    async def _send(self, grant: bytes, blob: WaitingBlob) -> None:
        """Send one blob as far as it goes; whatever stops it is tried again later."""
        try:
            if await self._send_pieces(grant, blob):
                self._uploads.note_sent(blob)
            self._failures = 0
        except GrantOver:
            self._uploads.lost_grant()
            await self._back_off()
        except (NotAsked, Refusal) as refused:
            _log.warning("document left aside", blob=blob.blob_id.hex(), why=str(refused))
            self._left_aside.add(blob.blob_id)
        except UploadCut as cut:
            _log.info("upload cut", blob=blob.blob_id.hex(), why=str(cut))
            await self._back_off()

    async def _back_off(self) -> None:
        """Wait with full jitter, but no longer than until the line's state is told anew."""
        self._failures += 1
        longest_s = min(RETRY_S_MIN * 2 ** min(self._failures, 16), RETRY_S_MAX)
        wait_s = self._random.uniform(0, longest_s)
        await _first_of(self._line_news().wait(), within_s=wait_s)

    async def _send_pieces(self, grant: bytes, blob: WaitingBlob) -> bool:
        """Return whether the province took the last byte; False when something goes first."""
        offset = await self._client.offset(grant, blob.blob_id)
        if offset == blob.size:  # it is there, be it here or not
            return True
        file = await asyncio.to_thread(self._open, blob)
        try:
            if offset is None:
                offset = await self._client.create(grant, blob.blob_id, blob.size)
            while offset < blob.size:
                if not (self._may_send() and self._saving.lets_go(urgent=blob.urgent)):
                    return False
                data = await asyncio.to_thread(os.pread, file, self._piece_bytes(), offset)
                offset = await self._client.add(grant, blob.blob_id, offset, data)
                await self._keep_count()
        finally:
            os.close(file)
        return True

    async def _keep_count(self) -> None:
        """Put down what a piece took: it took seconds, so an fsync more is nothing.

        On a full disk the count waits for the next exchange that is written.
        """
        if not self._saving.meter.owes:
            return
        with contextlib.suppress(Refusal):
            await self._saving.meter.keep(self._journal, lambda _transaction: None)

    def _open(self, blob: WaitingBlob) -> int:
        """Open a blob that is all there. Raises Refusal document-damaged."""
        blob_id = blob.blob_id.hex()
        if self._folder.size(blob_id) != blob.size:
            raise Refusal("document-damaged", blob_id)
        return self._folder.open(blob_id)

    def _piece_bytes(self) -> int:
        moved = (self._goodput() or GOODPUT_ASSUMED_BYTES_S) * EXCHANGE_AIM_S
        return max(PIECE_BYTES_MIN, min(moved, PIECE_BYTES_MAX))


async def _first_of(*awaited: Coroutine[Any, Any, object], within_s: float) -> None:
    tasks = [asyncio.create_task(one, name="upload news") for one in awaited]
    try:
        await asyncio.wait(tasks, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
