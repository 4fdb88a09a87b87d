"""A blob, read whole (section 7)."""

import hashlib

from Crypto.Cipher import AES

from .refused import need, refuse

PLAIN, TAG = 65536, 16


def read(sealed: bytes, key: bytes) -> bytes:
    """Give blob_id and the hash of the file."""
    pieces = [sealed[at : at + PLAIN + TAG] for at in range(0, len(sealed), PLAIN + TAG)]
    need(pieces, "no chunk")
    need(len(pieces) == 1 or len(pieces[-1]) > TAG, "an empty chunk after others")
    file = hashlib.sha256()
    for number, piece in enumerate(pieces):
        need(len(piece) >= TAG, "less than a tag")
        last = number == len(pieces) - 1
        nonce = bytes(7) + number.to_bytes(4, "big") + (b"\x01" if last else b"\x00")
        cipher = AES.new(key, AES.MODE_GCM, nonce=nonce)
        try:
            file.update(cipher.decrypt_and_verify(piece[:-TAG], piece[-TAG:]))
        except ValueError:
            refuse("a chunk does not open")
    return hashlib.sha256(sealed).digest() + file.digest()
