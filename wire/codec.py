"""Compression of blocks and reports: exactly one plain zstd frame (docs/protocol.md section 4.3).

A frame states its content size and carries no checksum (everything is signed) and no dictionary id
(the codec number names the dictionary). A receiver reads the header before it inflates anything,
because zstandard alone would take a frame without size, several frames, or garbage behind one.
"""

from functools import cache
from importlib import resources

import zstandard

from wire.limits import ZSTD_WINDOW_BYTES_MAX
from wire.problems import Malformed, Refusal

PLAIN_CODEC = 0
D1_CODEC = 1
CODECS = (PLAIN_CODEC, D1_CODEC)
"""What this program reads: codec 0 without a dictionary, codec 1 with D1."""

D1 = resources.files("wire").joinpath("data/d1.zdict").read_bytes()
"""The dictionary of codec 1: 32 KiB, trained by tools/train_dictionary.py; never changes."""
D1_SHA256 = bytes.fromhex("386ce9341034940ea105ad18a7c0507c174cf500203810a74194271588dece31")

_MAGIC = b"\x28\xb5\x2f\xfd"
_HEADER_BYTES_MIN = 6
_DICTIONARY_ID_BITS = 0b011
_CHECKSUM_BIT = 0b100
_EMPTY_LAST_BLOCK = b"\x01\x00\x00"


def compress(data: bytes, codec: int, level: int) -> bytes:
    """Return `data` as one frame; `level` 1 to 22 is the sender's choice.

    Raises:
        Refusal: `codec-unknown`.
    """
    dictionary = _dictionary(codec, level)
    compressor = zstandard.ZstdCompressor(
        level=level,
        dict_data=dictionary,
        write_checksum=False,
        write_content_size=True,
        write_dict_id=False,
    )
    return compressor.compress(data)


def inflate(frame: bytes, codec: int, limit: int) -> bytes:
    """Return the content of one frame, never holding more than `limit` bytes of it.

    Raises:
        Refusal: `codec-unknown`.
        Malformed: `frame` (no frame, damaged, cut short, or another length than stated),
            `frame-size` (none stated), `frame-checksum`, `frame-dictionary-id`, `frame-window`,
            `too-large` (more than `limit` stated) or `trailing-bytes`.
    """
    dictionary = _dictionary(codec, 0)
    size = _stated_size(frame)
    if size > limit:
        raise Malformed("too-large", f"{size} bytes where {limit} are allowed")
    if size == 0:
        return _nothing(frame)
    decompressor = zstandard.ZstdDecompressor(
        dict_data=dictionary, max_window_size=ZSTD_WINDOW_BYTES_MAX
    )
    try:  # into a buffer of the stated size: a longer content fails instead of growing
        return decompressor.decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        if "unused data" in str(error):
            raise Malformed("trailing-bytes") from None
        raise Malformed("frame", str(error)) from None


def _stated_size(frame: bytes) -> int:
    if len(frame) < _HEADER_BYTES_MIN or not frame.startswith(_MAGIC):
        raise Malformed("frame", "no zstd frame")
    try:
        header = zstandard.get_frame_parameters(frame)
    except zstandard.ZstdError as error:
        raise Malformed("frame", str(error)) from None
    if header.content_size == zstandard.CONTENTSIZE_UNKNOWN:
        raise Malformed("frame-size", "the frame does not state its size")
    if frame[4] & _CHECKSUM_BIT:
        raise Malformed("frame-checksum")
    if frame[4] & _DICTIONARY_ID_BITS:
        raise Malformed("frame-dictionary-id")
    if header.window_size > ZSTD_WINDOW_BYTES_MAX:
        raise Malformed("frame-window", f"{header.window_size} bytes")
    return header.content_size


def _nothing(frame: bytes) -> bytes:
    """Judge a frame that states no content: zstandard returns at once without reading on."""
    blocks = frame[zstandard.frame_header_size(frame) :]
    if blocks == _EMPTY_LAST_BLOCK:
        return b""
    reason = "trailing-bytes" if blocks.startswith(_EMPTY_LAST_BLOCK) else "frame"
    raise Malformed(reason, "the frame states no content")


@cache
def _dictionary(codec: int, level: int) -> zstandard.ZstdCompressionDict | None:
    """Return the dictionary of a codec, digested once for `level` (0: for reading).

    What is kept here is read-only, so threads share it; (de)compressors they do not share.
    """
    if codec == PLAIN_CODEC:
        return None
    if codec != D1_CODEC:
        raise Refusal("codec-unknown", str(codec))
    dictionary = zstandard.ZstdCompressionDict(D1)
    if level:
        dictionary.precompute_compress(level=level)
    return dictionary
