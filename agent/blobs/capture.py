"""From a file's bytes to a durable blob: encrypted while they come, one chunk in memory."""

import base64
import contextlib
import os
from collections.abc import Callable
from typing import Final

from agent.blobs.folder import BlobFolder, as_refusals
from records.documents import MAGIC_BYTES, Captured, media_type
from wire.blob import KEY_BYTES, Encryptor
from wire.limits import BLOB_PLAIN_BYTES_MAX
from wire.problems import Malformed, Refusal

READ_BYTES: Final = 1 << 20
"""Read and encrypted at once: the memory that a capture takes, whatever its size."""
LOOK_BYTES: Final = 8 << 20
"""How much is written between two looks at the room left."""


class Capture:
    """One document being captured. `finish` or `drop` ends it; each call may wait for the disk."""

    def __init__(self, folder: BlobFolder, random: Callable[[int], bytes]) -> None:
        """Begin. Raises Refusal disk-full, disk-failed."""
        self._folder = folder
        self._key = random(KEY_BYTES)
        self._encryptor = Encryptor(self._key)
        self._begin = b""
        self._unlooked = 0
        self._file, self._part = folder.begin(random(8).hex())

    def write(self, data: bytes) -> None:
        """Take the next bytes of the file.

        Raises Refusal too-large, disk-full, disk-failed; then only `drop` is left.
        """
        if len(self._begin) < MAGIC_BYTES:
            self._begin += data[:MAGIC_BYTES]
        try:
            sealed = self._encryptor.update(data)
        except Malformed:
            raise Refusal("too-large", f"{BLOB_PLAIN_BYTES_MAX >> 20} MiB") from None
        self._unlooked += len(sealed)
        if self._unlooked >= LOOK_BYTES:
            self._folder.check_room(0)
            self._unlooked = 0
        self._write(sealed)

    def finish(self) -> Captured:
        """Make the blob durable under its name. Raises Refusal disk-full, disk-failed."""
        self._write(self._encryptor.finish())
        with as_refusals():
            os.fsync(self._file)
        self._close()
        made = self._encryptor.made
        self._folder.made(self._part, made.blob_id.hex())
        return Captured(
            blob_id=made.blob_id.hex(),
            key=base64.urlsafe_b64encode(self._key).rstrip(b"=").decode(),
            bytes=made.plain_bytes,
            sha256=made.plain_sha256.hex(),
            media_type=media_type(self._begin),
        )

    def drop(self) -> None:
        """Leave nothing behind; harmless after `finish`."""
        self._close()
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        with as_refusals():
            while left:
                left = left[os.write(self._file, left) :]

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def capture_open(capture: Capture, file: int, size: int = BLOB_PLAIN_BYTES_MAX + 1) -> None:
    """Write an open file into a capture: to its end, or so many bytes where it grows meanwhile.

    Raises Refusal as `Capture.write`, OSError when the file cannot be read.
    """
    left = size
    while data := os.read(file, min(left, READ_BYTES)):
        capture.write(data)
        left -= len(data)


def read_key(text: str) -> bytes:
    """Return the key an event holds. Raises ValueError when it is none."""
    key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return key
