"""A blob: a document encrypted once, in chunks, by who never holds it whole (section 7).

- chunks of 65,536 bytes of plaintext, each AES-256-GCM ‖ tag (16); only the last may be shorter,
  and it may be empty only if it is the only one, so that a key and a file give one blob
- nonce = 7 zero bytes ‖ chunk number from 0 (4 bytes, big-endian) ‖ 1 on the last chunk, else 0
- a key is made for one blob and never used again: that is why the nonces may count
- `blob_id` is the SHA-256 of all of these bytes: it says what has to arrive, and nothing else

A chunk that another follows opens only without the flag, the last one only with it: a blob that
was cut, lengthened, or put into another order does not open.
"""

from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wire.limits import BLOB_PLAIN_BYTES_MAX
from wire.problems import Malformed

CHUNK_BYTES: Final = 65_536
TAG_BYTES: Final = 16
KEY_BYTES: Final = 32
SEALED_CHUNK_BYTES: Final = CHUNK_BYTES + TAG_BYTES


class Made(NamedTuple):
    """What is known of a blob once it was written whole; sizes in bytes."""

    blob_id: bytes
    sealed_bytes: int
    plain_bytes: int
    plain_sha256: bytes


class Encryptor:
    """Turns a file into a blob as its bytes come, holding one chunk at most."""

    def __init__(self, key: bytes) -> None:
        """Take a key of 32 random bytes that was never used before."""
        self._cipher = AESGCM(key)
        self._held = bytearray()
        self._number = 0
        self._plain, self._sealed = sha256(), sha256()
        self._plain_bytes = self._sealed_bytes = 0

    def update(self, data: bytes) -> bytes:
        """Return what can be written after these bytes of the file.

        Raises:
            Malformed: blob-size - the file is larger than any document may be.
        """
        self._plain_bytes += len(data)
        if self._plain_bytes > BLOB_PLAIN_BYTES_MAX:
            raise Malformed("blob-size", f"more than {BLOB_PLAIN_BYTES_MAX} bytes")
        self._plain.update(data)
        self._held += data
        out = bytearray()
        while len(self._held) > CHUNK_BYTES:  # the last one waits: it bears the flag
            out += self._seal(bytes(self._held[:CHUNK_BYTES]), last=False)
            del self._held[:CHUNK_BYTES]
        return self._written(bytes(out))

    def finish(self) -> bytes:
        """Return the last chunk; nothing may follow."""
        return self._written(self._seal(bytes(self._held), last=True))

    @property
    def made(self) -> Made:
        """What was written; it names a blob once `finish` was called."""
        return Made(
            self._sealed.digest(), self._sealed_bytes, self._plain_bytes, self._plain.digest()
        )

    def _seal(self, chunk: bytes, *, last: bool) -> bytes:
        sealed = self._cipher.encrypt(_nonce(self._number, last=last), chunk, None)
        self._number += 1
        return sealed

    def _written(self, data: bytes) -> bytes:
        self._sealed.update(data)
        self._sealed_bytes += len(data)
        return data


class Decryptor:
    """Turns a blob back into its file as its bytes come, holding one chunk at most.

    Every byte given back is the writer's, in its place. That the file is whole is known only
    after `finish`: whoever passes bytes on before must be able to break off.
    """

    def __init__(self, key: bytes) -> None:
        """Take the key of the blob."""
        self._cipher = AESGCM(key)
        self._held = bytearray()
        self._number = 0
        self._plain_bytes = 0

    def update(self, data: bytes) -> bytes:
        """Return what can be read after these bytes of the blob.

        Raises:
            Malformed: blob-forged - a chunk is not as it was written, or not in its place;
                blob-size - more than any document may have.
        """
        self._held += data
        out = bytearray()
        while len(self._held) > SEALED_CHUNK_BYTES:
            out += self._open(bytes(self._held[:SEALED_CHUNK_BYTES]), last=False)
            del self._held[:SEALED_CHUNK_BYTES]
        return bytes(out)

    def finish(self) -> bytes:
        """Return the last chunk.

        Raises:
            Malformed: blob-cut - there is none, or less than one; blob-forged - it is not the
                last, or not as it was written; blob-size.
        """
        if len(self._held) < TAG_BYTES:
            raise Malformed("blob-cut", "no last chunk")
        if len(self._held) == TAG_BYTES and self._number:
            raise Malformed("blob-cut", "an empty chunk after others")
        return self._open(bytes(self._held), last=True)

    def _open(self, sealed: bytes, *, last: bool) -> bytes:
        try:
            chunk = self._cipher.decrypt(_nonce(self._number, last=last), sealed, None)
        except InvalidTag:
            raise Malformed("blob-forged", f"chunk {self._number}") from None
        self._number += 1
        self._plain_bytes += len(chunk)
        if self._plain_bytes > BLOB_PLAIN_BYTES_MAX:
            raise Malformed("blob-size", f"more than {BLOB_PLAIN_BYTES_MAX} bytes")
        return chunk


def sealed_bytes(plain_bytes: int) -> int:
    """Return the size of the blob of a file of `plain_bytes`."""
    chunks = max(1, -(-plain_bytes // CHUNK_BYTES))
    return plain_bytes + chunks * TAG_BYTES


def _nonce(number: int, *, last: bool) -> bytes:
    return bytes(7) + number.to_bytes(4, "big") + bytes([last])
