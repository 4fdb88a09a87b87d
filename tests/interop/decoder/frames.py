"""`events.data`: exactly one zstd frame (section 4.3, RFC 8878)."""

import functools
import sys
from pathlib import Path

from .refused import need, refuse

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    import backports.zstd as zstd

D1 = Path(__file__).parents[3] / "wire" / "data" / "d1.zdict"
MAGIC = bytes.fromhex("28b52ffd")
WINDOW_LOG = 22
CODECS = (0, 1)


@functools.cache
def dictionary() -> zstd.ZstdDict:
    """Load D1."""
    return zstd.ZstdDict(D1.read_bytes())


def stated_size(frame: bytes) -> int:
    """Read a frame's header: refuse what the page refuses, give the content size."""
    need(frame[:4] == MAGIC and len(frame) > 5, "no frame")
    described = frame[4]
    single = described >> 5 & 1
    need(not described >> 3 & 1, "reserved bit")
    need(not described >> 2 & 1, "checksum")
    need(not described & 3, "dictionary id")
    size_bytes = (single, 2, 4, 8)[described >> 6]
    need(size_bytes, "no content size")
    if not single:
        power, eighths = frame[5] >> 3, frame[5] & 7
        window = (8 + eighths) << (power + 10) >> 3
        need(window <= 1 << WINDOW_LOG, "window")
    at = 5 if single else 6
    field = frame[at : at + size_bytes]
    need(len(field) == size_bytes, "header cut short")
    return int.from_bytes(field, "little") + (256 if size_bytes == 2 else 0)


def inflate(frame: bytes, codec: int, limit: int) -> bytes:
    """Give a frame's content: at most `limit` bytes, as many as stated."""
    need(codec in CODECS, "codec unknown")
    size = stated_size(frame)
    need(size <= limit, "too large")
    stream = zstd.ZstdDecompressor(
        zstd_dict=dictionary() if codec == 1 else None,
        options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG},
    )
    try:
        content = stream.decompress(frame, max_length=size + 1)
    except zstd.ZstdError as error:
        refuse(f"zstd: {error}")
    need(stream.eof and len(content) == size, "another size than stated")
    need(not stream.unused_data, "something after the frame")
    return content
