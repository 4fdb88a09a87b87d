"""Uploads of blobs that were asked for: their offsets, their bytes, their end.

One request at a time adds to a blob. A newer one takes over: the older is one whose line has died
and whose sender has come back on another. What came before a cut stays, checksum or not; only a
checksum that was told and is wrong takes its bytes away again.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from server.blobs import marks
from server.blobs.folder import BlobFolder
from server.context import ServerContext
from wire.problems import Refusal

SILENCE_S: Final = 60.0
"""A body that brings nothing for this long is a cut line."""
WRITE_BYTES: Final = 256 << 10
"""Written at once; as much of an upload is in memory."""
UPLOADS_MAX: Final = 64
"""Requests that bring bytes at one moment; the next is told `busy`."""
OFFICE_UPLOADS_MAX: Final = 4
"""Of these for one office, so that a slow or hostile one leaves room for the others."""

Key = tuple[bytes, bytes]
"""Office and blob."""


class Checksum(NamedTuple):
    """`Upload-Checksum`: what the bytes of one request hash to."""

    algorithm: str
    digest: bytes


class Standing(NamedTuple):
    """How far an upload has come, in bytes; whole when both are equal."""

    offset: int
    size: int

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self.offset == self.size


class _Turn:
    """Whose turn it is at one blob, and how many hold or wait for it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


class Uploads:
    """Made once for an application."""

    def __init__(self, ctx: ServerContext, folder: BlobFolder) -> None:
        self._ctx, self._folder = ctx, folder
        self._turns: dict[Key, _Turn] = {}
        self._running: dict[Key, asyncio.Timeout] = {}

    async def standing(self, key: Key) -> Standing:
        """Return how far an upload has come. Raises Refusal upload-unknown."""
        async with self._alone(key):
            return await self._standing(key)

    async def begin(self, key: Key, size: int) -> None:
        """Begin an upload, anew if it was begun.

        Raises Refusal blob-unknown when nobody asked for it, blob-differs when it has another
        size than its event says, blob-held when it is here, disk-full.
        """
        await asyncio.to_thread(self._folder.forget_old, self._ctx.now_ms() / 1000)
        asked = await self._asked(key)
        if size != asked:
            raise Refusal("blob-differs", f"{asked} B")
        async with self._alone(key):
            if await self._is_held(key, asked):
                raise Refusal("blob-held")
            await asyncio.to_thread(self._folder.begin, *key, size)

    async def add(
        self, key: Key, offset: int, chunks: AsyncIterator[bytes], checksum: Checksum | None
    ) -> Standing:
        """Add what `chunks` bring behind `offset`; the last byte makes the blob whole.

        Raises Refusal upload-unknown, upload-offset, upload-checksum, blob-differs when more
        comes than the blob has or the whole is another, busy when the line is silent or too
        many others bring something, disk-full.
        """
        self._has_room(key)
        async with self._alone(key):
            before = await self._standing(key)
            if offset != before.offset:
                raise Refusal("upload-offset", f"{before.offset}")
            if before.whole:
                return before
            try:
                async with asyncio.timeout(None) as scope:
                    self._running[key] = scope
                    await self._take(key, before, chunks, checksum)
            except TimeoutError:
                raise Refusal("busy") from None  # somebody newer took over
            finally:
                del self._running[key]
            return await self._finish(key, before.size)

    async def drop(self, key: Key) -> None:
        """Forget an unfinished upload. Raises Refusal upload-unknown, blob-held."""
        async with self._alone(key):
            if (await self._standing(key)).whole:
                raise Refusal("blob-held")
            await asyncio.to_thread(self._folder.drop, *key)

    @asynccontextmanager
    async def _alone(self, key: Key) -> AsyncIterator[None]:
        """Keep others off one blob; whoever is adding to it now is cut short."""
        turn = self._turns.setdefault(key, _Turn())
        turn.users += 1
        if (running := self._running.get(key)) is not None:
            running.reschedule(asyncio.get_running_loop().time())
        try:
            async with turn.lock:
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[key]

    def _has_room(self, key: Key) -> None:
        """Raise Refusal busy while too many others bring bytes; who comes back takes over."""
        others = [office for office, blob in self._running if (office, blob) != key]
        if len(others) >= UPLOADS_MAX or others.count(key[0]) >= OFFICE_UPLOADS_MAX:
            raise Refusal("busy")

    async def _standing(self, key: Key) -> Standing:
        asked = await self._asked(key)
        if await self._is_held(key, asked):
            return Standing(asked, asked)
        offset = await asyncio.to_thread(self._folder.offset, *key)
        if offset is None or offset > asked:
            raise Refusal("upload-unknown")
        if offset == asked:  # whole when a crash came between the last byte and its place
            return await self._finish(key, asked)
        return Standing(offset, asked)

    async def _asked(self, key: Key) -> int:
        async with self._ctx.store.read() as conn:
            size = await marks.asked_size(conn, *key)
        if size is None:
            raise Refusal("blob-unknown")
        return size

    async def _is_held(self, key: Key, size: int) -> bool:
        """Whether a blob is here: its file counts, and its row follows where a crash was faster."""
        async with self._ctx.store.read() as conn:
            if await marks.is_held(conn, *key):
                return True
        if await asyncio.to_thread(self._folder.size, *key) != size:
            return False
        async with self._ctx.store.write() as conn:
            await marks.note_held(conn, *key, size, self._ctx.now_ms())
        return True

    async def _take(
        self, key: Key, before: Standing, chunks: AsyncIterator[bytes], checksum: Checksum | None
    ) -> None:
        file = await asyncio.to_thread(self._folder.open, *key)
        digest = hashlib.new(checksum.algorithm) if checksum else hashlib.sha256()
        try:
            left = before.size - before.offset
            async for piece in _gathered(chunks):
                if len(piece) > left:
                    raise Refusal("blob-differs", f"{before.size} B")
                left -= len(piece)
                await asyncio.to_thread(self._folder.need, len(piece))
                await asyncio.to_thread(_write, file, piece, digest)
            if checksum is not None and digest.digest() != checksum.digest:
                os.truncate(file, before.offset)
                raise Refusal("upload-checksum")
        finally:
            await asyncio.to_thread(_close, file)

    async def _finish(self, key: Key, size: int) -> Standing:
        offset = await asyncio.to_thread(self._folder.offset, *key) or 0
        if offset < size:
            return Standing(offset, size)
        if not await asyncio.to_thread(self._folder.keep, *key):
            raise Refusal("blob-differs", "SHA-256")
        async with self._ctx.store.write() as conn:
            await marks.note_held(conn, *key, size, self._ctx.now_ms())
        return Standing(size, size)


async def _gathered(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what comes in larger pieces; what came before a cut too, and then the cut."""
    held = bytearray()
    try:
        while True:
            async with asyncio.timeout(SILENCE_S):
                chunk = await anext(chunks, None)
            if chunk is None:
                break
            held += chunk
            if len(held) >= WRITE_BYTES:
                yield bytes(held)
                held.clear()
    except asyncio.CancelledError:
        yield bytes(held)
        raise
    except Exception as cut:
        yield bytes(held)
        raise Refusal("busy") from cut
    if held:
        yield bytes(held)


def _write(file: int, data: bytes, digest: hashlib._Hash) -> None:
    """Raise Refusal disk-full where the disk is, whatever was said of room before."""
    digest.update(data)
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(file, left) :]
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise Refusal("disk-full") from error
        raise


def _close(file: int) -> None:
    try:
        os.fsync(file)
    finally:
        os.close(file)
