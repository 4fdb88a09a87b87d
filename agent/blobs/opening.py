"""A document read back: decrypted as it is read, and never a byte that was not written."""

import os
from collections.abc import Iterator
from typing import Final

from agent.blobs.capture import read_key
from agent.blobs.folder import BlobFolder
from records.office_events import DocumentAttached
from wire.blob import Decryptor, sealed_bytes
from wire.problems import Malformed, Refusal

READ_BYTES: Final = 256 << 10


class Opened:
    """An open document. `begin` looks whether it is all there, then `read` until it is empty."""

    def __init__(self, folder: BlobFolder, body: DocumentAttached) -> None:
        """Open the blob and read its first chunks.

        Raises Refusal document-damaged: not there, of another size, or its beginning is not what
        was written.
        """
        self.body = body
        self._file = folder.open(body.blob_id)
        try:
            self._decryptor = Decryptor(read_key(body.key))
            if os.fstat(self._file).st_size != sealed_bytes(body.bytes):
                raise Refusal("document-damaged")
            self._pieces = self._read()
            self._first = next(self._pieces)
        except BaseException as error:
            self.close()
            if isinstance(error, Malformed | ValueError):
                raise Refusal("document-damaged") from error
            raise

    def read(self) -> bytes:
        """Return the next bytes, b"" at the end.

        Raises Malformed where the blob is not what was written: what was read before is right,
        and whoever passed it on has to break off.
        """
        first, self._first = self._first, b""
        return first or next(self._pieces, b"")

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _read(self) -> Iterator[bytes]:
        while sealed := os.read(self._file, READ_BYTES):
            if plain := self._decryptor.update(sealed):
                yield plain
        yield self._decryptor.finish()
