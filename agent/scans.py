"""Scans of the watched folder: captured once, offered until they are attached or discarded.

The order makes every kill harmless:

1. the file is encrypted into a blob that is durable under a name which no event tells of yet;
2. one transaction notes the scan and the file it came from;
3. the file is removed from the folder, if it still is the one that was read;
4. the note of the file is forgotten.

A kill before 2 leaves the file, and the next start removes the blob; one behind 2 leaves the note,
by which the file is known as captured and is only removed.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from agent.blobs.capture import Capture, capture_open
from agent.blobs.folder import BlobFolder
from agent.blobs.opening import Opened
from agent.blobs.scan_folder import Found, ScanFolder, is_same
from agent.clock import Clock
from agent.journal import Journal, Transaction
from agent.noticed import Noticed
from agent.service import IN_DOUBT
from agent.views import documents, scans
from agent.views.scans import Source, WaitingScan
from records.documents import Captured, event_of
from records.limits import LINE_CHARS_MAX
from wire.limits import BLOB_PLAIN_BYTES_MAX
from wire.problems import Refusal

_log = structlog.get_logger("agent")

LOOK_S: Final = 2.0
"""Between two looks: a clerk who has just scanned waits some seconds for it anyway."""
STILL_MS: Final = 4_000
"""A file is whole when its size and time stand still for so long: scanners write page by page,
within a second or two of each other, and copies over a share in one go."""
AGAIN_MS: Final = 30_000
"""A file that could not be taken or removed is tried again after so long."""
WAITING_MAX: Final = 500
"""Scans that wait: more than a list can be used for, and than one office scans in days."""
FOLDER: Final = "scan-folder"
CROWDED: Final = "scan-crowded"


class Scans:
    """What waits to be attached; `look` takes in what the folder holds, if there is one."""

    def __init__(
        self,
        journal: Journal,
        blobs: BlobFolder,
        folder: ScanFolder | None,
        *,
        clock: Clock,
        noticed: Noticed,
        random: Callable[[int], bytes],
    ) -> None:
        self._journal, self._blobs, self._folder = journal, blobs, folder
        self._clock, self._noticed, self._random = clock, noticed, random
        self._seen: dict[Found, int] = {}
        """When each file was first seen as it is now, monotonic ms."""
        self._later: dict[Found, int] = {}
        """Files that failed: not again before, monotonic ms."""
        self._told: dict[str, bytes] = {}
        """Problems told of files that lie there."""

    async def run(self) -> None:
        """Look until cancelled; at once over when no folder is watched."""
        while self._folder is not None:
            try:
                await self.look()
            except Refusal as refusal:  # of the journal: told elsewhere, and looked at again
                _log.warning("scans not taken in", why=str(refusal))
            await asyncio.sleep(LOOK_S)

    async def waiting(self) -> tuple[WaitingScan, ...]:
        """Return every scan that waits to be attached, newest first."""
        return await self._journal.read(scans.waiting)

    async def open(self, scan: str) -> Opened:
        """Open a waiting scan. Raises Refusal scan-unknown, document-damaged."""
        found = await self._journal.read(partial(scans.find, scan=scan))
        if found is None:
            raise Refusal("scan-unknown")
        name, captured = found
        return await asyncio.to_thread(Opened, self._blobs, event_of(name, captured))

    async def discard(self, scan: str, actor: str | None) -> None:
        """Remove a scan that belongs to no dossier. Raises Refusal scan-unknown."""

        def job(transaction: Transaction) -> bool:
            if not scans.forget(transaction.conn, scan):
                raise Refusal("scan-unknown")
            return documents.is_known(transaction.conn, scan)

        if not await self._journal.write(job):
            await asyncio.to_thread(self._blobs.drop, scan)
        _log.info("scan discarded", scan=scan, actor=actor)

    async def look(self) -> None:
        """Look at the folder once and take in what lies there whole.

        Raises Refusal as `Journal.write`.
        """
        folder = self._folder
        if folder is None:
            return
        try:
            found = await asyncio.to_thread(folder.look)
        except Refusal as refusal:
            self._noticed.add_once(FOLDER, refusal.code, about=refusal.detail.vi)
            return
        self._noticed.over(FOLDER)
        self._forget_gone(found)
        sources = await self._journal.read(scans.sources)
        await self._forget_sources(sources.keys() - {each.file for each in found})
        for each in found:
            await self._one(folder, each, sources.get(each.file))

    async def _one(self, folder: ScanFolder, found: Found, source: Source | None) -> None:
        """Take in one file, or remove it where that was done; what fails is told and left."""
        if not self._is_due(found):
            return
        try:
            is_known = source is not None and await self._is_source(folder, found, source)
            if not is_known:
                if not await self._has_room():
                    return
                await self._take(folder, found)
            await self._remove(folder, found)
        except Refusal as refusal:
            if refusal.code in IN_DOUBT:
                raise
            self._fail(found, refusal.code)
        else:
            self._over(found)

    def _is_due(self, found: Found) -> bool:
        """Whether a file has stood still for long enough, and did not fail just now."""
        now_ms = self._clock.mono_ms()
        since_ms = self._seen.setdefault(found, now_ms)
        return now_ms - since_ms >= STILL_MS and now_ms >= self._later.get(found, 0)

    async def _is_source(self, folder: ScanFolder, found: Found, source: Source) -> bool:
        """Whether a file is one that was captured: alike outside, and in every byte."""
        if (found.size, found.mtime_ns) != (source.size, source.mtime_ns):
            return False
        return await asyncio.to_thread(folder.digest, found) == source.sha256

    async def _has_room(self) -> bool:
        if len(await self.waiting()) < WAITING_MAX:
            self._noticed.over(CROWDED)
            return True
        self._noticed.add_once(CROWDED, "scan-crowded", about=str(WAITING_MAX))
        return False

    async def _take(self, folder: ScanFolder, found: Found) -> None:
        captured = await asyncio.to_thread(self._capture, folder, found)
        source = Source(found.file, found.size, found.mtime_ns, bytes.fromhex(captured.sha256))
        name = _printable(found.name)

        def job(transaction: Transaction) -> bool:
            return scans.add(transaction.conn, name, captured, source, transaction.now_ms)

        certain, is_new = True, False
        try:
            is_new = await self._journal.write(job)
        except Refusal as refusal:
            certain = refusal.code not in IN_DOUBT
            raise
        except asyncio.CancelledError:
            certain = False
            raise
        finally:
            if certain and not is_new:
                await asyncio.to_thread(self._blobs.drop, captured.blob_id)

    def _capture(self, folder: ScanFolder, found: Found) -> Captured:
        """Encrypt a file while it is read.

        Raises Refusal scan-too-large, scan-unreadable (also when somebody writes to it), disk-full,
        disk-failed.
        """
        if found.size > BLOB_PLAIN_BYTES_MAX:
            raise Refusal("scan-too-large", found.name)
        with folder.reading(found) as file:
            self._blobs.check_room(found.size)
            capture = Capture(self._blobs, self._random)
            try:
                capture_open(capture, file, found.size)
                if not is_same(file, found):
                    raise Refusal("scan-unreadable", found.name)
                return capture.finish()
            except OSError as error:
                raise Refusal("scan-unreadable", f"{found.name}: {error.strerror}") from error
            finally:
                capture.drop()

    async def _remove(self, folder: ScanFolder, found: Found) -> None:
        """Remove a captured file. Raises Refusal scan-stays when that cannot be done."""
        if not await asyncio.to_thread(folder.remove, found):
            raise Refusal("scan-stays", found.name)
        await self._forget_sources({found.file})

    async def _forget_sources(self, files: set[bytes]) -> None:
        def job(transaction: Transaction) -> None:
            scans.forget_sources(transaction.conn, sorted(files))

        if files:
            await self._journal.write(job)

    def _forget_gone(self, found: tuple[Found, ...]) -> None:
        """Keep nothing in mind of what lies there no more, or not so."""
        here = set(found)
        self._seen = {each: at for each, at in self._seen.items() if each in here}
        self._later = {each: at for each, at in self._later.items() if each in here}
        names = {each.file for each in found}
        for problem in [one for one, file in self._told.items() if file not in names]:
            del self._told[problem]
            self._noticed.over(problem)

    def _fail(self, found: Found, code: str) -> None:
        self._later[found] = self._clock.mono_ms() + AGAIN_MS
        problem = _problem(found)
        self._told[problem] = found.file
        self._noticed.add_once(problem, code, about=_printable(found.name))

    def _over(self, found: Found) -> None:
        self._told.pop(_problem(found), None)
        self._noticed.over(_problem(found))


def _problem(found: Found) -> str:
    return f"scan-{found.file.hex()}"


def _printable(name: str) -> str:
    """Return a file's name as one line that a document may be called."""
    shown = "".join(letter if letter.isprintable() else " " for letter in name)
    return shown[:LINE_CHARS_MAX]
