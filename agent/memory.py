"""Giving memory back: what glibc's allocator would otherwise keep for ever.

A sign-in takes 19 MiB for Argon2id, an exchange a few MiB for a batch. glibc raises its threshold
for separate mappings to the largest block it has seen freed, and then keeps such blocks in its
heap; each thread gets a heap of its own on top. An office's box has little memory, so both are
pinned once at the start (mallopt(3)), and what is free is given back whenever the office rests.
"""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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


def settle() -> None:
    """Take what the start has made out of every later collection: it stays as long as the daemon.

    A full collection then looks at what the work has made, not at half a million objects of
    modules, routes and rules, for which a clerk would wait a tenth of a second.
    """
    gc.collect()
    gc.freeze()


def trim() -> bool:
    """Give back what lies free inside the heap; False where the C library cannot (musl)."""
    gc.collect()
    libc = ctypes.CDLL(None)
    return bool(hasattr(libc, "malloc_trim") and libc.malloc_trim(0))


@contextmanager
def left_out(*packages: str) -> Iterator[None]:
    """Let the import of optional packages fail meanwhile, as if they were not installed.

    structlog takes rich along for the tracebacks of a terminal, httpx takes it and pygments for a
    command of its own; a daemon has neither, and they are 3 MB.
    """
    absent = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
