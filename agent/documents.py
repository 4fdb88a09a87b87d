"""Documents of the office: captured before they are told of, opened with no line at all.

`Service` asks for a file to be captured before the transaction that tells of it, and says
afterwards what came of it. A file whose bytes the office holds already is not kept twice: the new
event names the older blob.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import structlog

from agent.blobs.capture import Capture, capture_open
from agent.blobs.folder import BlobFolder
from agent.blobs.opening import Opened
from agent.blobs.source import open_source
from agent.journal import Journal
from agent.journal.database import Connection
from agent.views import documents, scans
from records.documents import Captured
from records.office_events import DocumentAttached
from wire.blob import sealed_bytes
from wire.problems import Refusal

_log = structlog.get_logger("agent")


class Documents:
    """Made once by `main`; everything that waits for the disk runs on threads."""

    def __init__(
        self,
        journal: Journal,
        folder: BlobFolder,
        random: Callable[[int], bytes],
        forbidden: Sequence[Path] = (),
    ) -> None:
        """Take nothing from the folders in `forbidden`: the daemon's own."""
        self._journal, self._folder, self._random = journal, folder, random
        self._forbidden = tuple(forbidden)

    async def prepare(self, *, stale: bool) -> int:
        """Finish or remove what a stop left behind, before the first capture; return the count.

        `stale` views do not know every document: what may be one stays until the next start. So
        does everything if the disk fails: people record on, and whoever captures hears of it.
        """

        def prepare(connection: Connection) -> int:
            is_known = None if stale else partial(documents.is_known, connection)
            return self._folder.prepare(is_known, partial(scans.is_waiting, connection))

        try:
            return await self._journal.read_apart(prepare)
        except OSError as error:
            _log.warning("documents not looked through", why=error.strerror)
            return 0

    async def capture_file(self, path: str) -> Captured:
        """Capture the file at an absolute path of this machine.

        Raises Refusal document-unreadable, too-large, disk-full, disk-failed.
        """
        captured = await asyncio.to_thread(self._capture_file, path)
        return await self.known(captured)

    async def begin(self) -> Capture:
        """Begin to capture what somebody sends. Raises Refusal disk-full, disk-failed."""
        return await asyncio.to_thread(Capture, self._folder, self._random)

    async def known(self, captured: Captured) -> Captured:
        """Return the blob of the same file that lies here already, else the new one."""
        query = partial(documents.same_file, sha256=captured.sha256, size=captured.bytes)
        older = await self._journal.read(query)
        if older is None or not await asyncio.to_thread(self._is_whole, older):
            return captured
        await asyncio.to_thread(self._folder.drop, captured.blob_id)
        return Captured(
            blob_id=older.blob_id,
            key=older.key,
            bytes=older.bytes,
            sha256=older.sha256,
            media_type=older.media_type,
            pages=older.pages,
        )

    async def settle(self, captured: Iterable[Captured], *, certain: bool = True) -> None:
        """Keep the blobs that an event tells of now, remove the others.

        Unless it is `certain` that what is not told of never will be: a commit that nobody waited
        for, or whose flush failed, may still be found in the file, and the next start decides.
        """
        for each in captured:
            told = await self._journal.read(partial(documents.is_known, blob_id=each.blob_id))
            if not told and not (certain and await self._is_nobodys(each)):
                continue
            then = self._folder.keep if told else self._folder.drop
            try:
                await asyncio.to_thread(then, each.blob_id)
            except OSError as error:  # it opens under either name; the next start makes it good
                _log.warning("document not settled", blob=each.blob_id, why=error.strerror)

    async def scan(self, path: str) -> Captured | None:
        """Return the waiting scan that a path names; None when it names none that waits.

        Raises Refusal document-damaged when its blob is not there whole.
        """
        try:
            captured = await self._journal.read(partial(scans.named, path=path))
        except Refusal:  # attached by now: the transaction says so, or gives the first answer
            return None
        if captured is None:
            return None
        size = await asyncio.to_thread(self._folder.size, captured.blob_id)
        if size != sealed_bytes(captured.bytes):
            raise Refusal("document-damaged")
        return captured

    async def _is_nobodys(self, captured: Captured) -> bool:
        """Whether a blob no event tells of is no waiting scan's either."""
        query = partial(scans.is_waiting, blob_id=captured.blob_id)
        return not await self._journal.read(query)

    async def waiting(self) -> int:
        """Return how many documents the province is not known to hold."""
        return await self._journal.read(documents.count_waiting)

    async def all_arrived(self, look_s: float) -> None:
        """Return when the province is known to hold every document; looks every `look_s`."""
        while await self.waiting():  # noqa: ASYNC110 - other processes' progress is in the file
            await asyncio.sleep(look_s)

    async def open(self, blob_id: str) -> Opened:
        """Open a document. Raises Refusal document-unknown, document-damaged."""
        body = await self._journal.read(partial(documents.find, blob_id=blob_id))
        if body is None:
            raise Refusal("document-unknown")
        return await asyncio.to_thread(Opened, self._folder, body)

    def _capture_file(self, path: str) -> Captured:
        file = open_source(path, self._forbidden)
        try:
            self._folder.check_room(os.fstat(file).st_size)
            capture = Capture(self._folder, self._random)
            try:
                capture_open(capture, file)
                return capture.finish()
            finally:
                capture.drop()
        except OSError as error:
            raise Refusal("document-unreadable", f"{path}: {error.strerror}") from error
        finally:
            os.close(file)

    def _is_whole(self, body: DocumentAttached) -> bool:
        """Whether the older blob opens to its end: else its file is better kept anew."""
        try:
            opened = Opened(self._folder, body)
        except Refusal:
            return False
        try:
            while opened.read():
                pass
        except ValueError:  # Malformed: the disk gave back something else
            return False
        finally:
            opened.close()
        return True


async def pieces(opened: Opened) -> AsyncIterator[bytes]:
    """Yield an open document and close it; breaks off where it is damaged (Malformed)."""
    try:
        while piece := await asyncio.to_thread(opened.read):
            yield piece
    finally:
        opened.close()
