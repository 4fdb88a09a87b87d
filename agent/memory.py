"""Giving memory back: what glibc's allocator would otherwise keep for ever.

A sign-in takes 19 MiB for Argon2id, an exchange a few MiB for a batch. glibc raises its threshold
for separate mappings to the largest block it has seen freed, and then keeps such blocks in its
heap; each thread gets a heap of its own on top. An office's box has little memory, so both are
pinned once at the start (mallopt(3)).
"""

import ctypes
from typing import Final

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
MAPPED_BYTES_MIN: Final = 256 << 10
"""Larger blocks are mapped one by one and go back to the system when they are freed."""
ARENAS_MAX: Final = 2


def give_back() -> bool:
    """Pin the allocator's thresholds; False where the C library has no such thing (musl)."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return False
    wanted = (
        (M_MMAP_THRESHOLD, MAPPED_BYTES_MIN),
        (M_TRIM_THRESHOLD, MAPPED_BYTES_MIN),
        (M_ARENA_MAX, ARENAS_MAX),
    )
    return all(libc.mallopt(what, value) == 1 for what, value in wanted)
