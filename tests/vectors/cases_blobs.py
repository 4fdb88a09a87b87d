"""Vectors of blobs: documents in encrypted chunks (section 7)."""

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.vectors.case import Case
from wire.blob import CHUNK_BYTES, SEALED_CHUNK_BYTES, Encryptor

KEY = bytes(range(32))
FULL = CHUNK_BYTES


def sealed(plain: bytes) -> bytes:
    """Return the blob of a file under the one key of these vectors."""
    encryptor = Encryptor(KEY)
    return encryptor.update(plain) + encryptor.finish()


def chunk(number: int, plain: bytes, *, last: bool, begins: bytes = bytes(7)) -> bytes:
    """Return one chunk by itself."""
    nonce = begins + number.to_bytes(4, "big") + bytes([last])
    return AESGCM(KEY).encrypt(nonce, plain, None)


def _good(name: str, about: str, plain: bytes) -> Case:
    return Case("blob", name, about, sealed(plain), {"key": KEY.hex()})


def _bad(name: str, about: str, payload: bytes, why: str, key: bytes = KEY) -> Case:
    return Case("blob", f"refused-{name}", about, payload, {"key": key.hex()}, why)


SMALL = sealed(b"%PDF-1.7 a scan")
TWO = sealed(bytes(FULL + 9))
FIRST, SECOND = TWO[:SEALED_CHUNK_BYTES], TWO[SEALED_CHUNK_BYTES:]
THREE = sealed(bytes(2 * FULL + 1))

CASES = (
    _good("empty", "an empty file is one empty last chunk", b""),
    _good("small", "a file of one short chunk", b"%PDF-1.7 a scan"),
    _good("one-full", "65,536 bytes are one full last chunk", bytes(FULL)),
    _good("one-more", "one byte more is a second chunk", bytes(FULL + 1)),
    _good("two-full", "a last chunk may be full", b"\x41" * (2 * FULL)),
    _bad("nothing", "no chunk at all", b"", "blob-cut"),
    _bad("half-tag", "less than a tag", SMALL[:15], "blob-cut"),
    _bad("key", "another key", SMALL, "blob-forged", bytes(32)),
    _bad("flipped", "a bit of the last chunk is another", SMALL[:-1] + b"\x00", "blob-forged"),
    _bad("flipped-first", "a bit of the first chunk is another", b"\x00" + TWO[1:], "blob-forged"),
    _bad("cut", "cut inside the last chunk", TWO[:-1], "blob-forged"),
    _bad("no-last", "the last chunk is missing", FIRST, "blob-forged"),
    _bad("after-last", "a byte after the last chunk", SMALL + b"\x00", "blob-forged"),
    _bad("after-full", "a byte after a full last chunk", sealed(bytes(FULL)) + b"\x00",
         "blob-forged"),
    _bad("last-twice", "the last chunk twice", FIRST + SECOND + SECOND, "blob-forged"),
    _bad("order", "the first two of three chunks exchanged",
         THREE[SEALED_CHUNK_BYTES : 2 * SEALED_CHUNK_BYTES] + THREE[:SEALED_CHUNK_BYTES]
         + THREE[2 * SEALED_CHUNK_BYTES :], "blob-forged"),
    _bad("second-first", "without its first chunk", SECOND, "blob-forged"),
    _bad("no-flag", "the only chunk without the flag", chunk(0, b"scan", last=False),
         "blob-forged"),
    _bad("flag-early", "the flag on a chunk that another follows",
         chunk(0, bytes(FULL), last=True) + chunk(1, b"scan", last=True), "blob-forged"),
    _bad("empty-last", "an empty chunk after others",
         chunk(0, bytes(FULL), last=False) + chunk(1, b"", last=True), "blob-cut"),
    _bad("nonce", "a nonce that begins with another byte",
         chunk(0, b"scan", last=True, begins=b"\x01" + bytes(6)), "blob-forged"),
)  # fmt: skip
