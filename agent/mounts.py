"""Sticks that the system has mounted, and a wait for the next one.

The kernel says when its table of mounts changes: `/proc/self/mountinfo` becomes ready for EPOLLPRI
(proc(5)). That is waited for through a descriptor of epoll, which the event loop can wait for in
its turn, so nothing runs while nobody plugs anything in.
"""

import asyncio
import os
import re
import select
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final, NamedTuple

MOUNTINFO: Final = Path("/proc/self/mountinfo")
SYS_BLOCK: Final = Path("/sys/dev/block")
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """One mounted stick: the kernel's number of the mount, where it is, and whether it is ours."""

    number: str
    path: Path
    writable: bool


def sticks(mountinfo: Path = MOUNTINFO, sys_block: Path = SYS_BLOCK) -> list[Mount]:
    """Return what is mounted from removable devices, in the order of mounting."""
    found: dict[str, Mount] = {}
    for line in mountinfo.read_text("utf-8", "surrogateescape").splitlines():
        words = line.split(" ")
        if len(words) > 5 and _is_removable(sys_block / words[2]):
            # The same device mounted twice is one stick, at the place where it was mounted first.
            found.setdefault(words[2], Mount(words[0], _path(words[4]), _writable(words[5])))
    return list(found.values())


async def changes(mountinfo: Path = MOUNTINFO) -> AsyncGenerator[None, None]:
    """Yield at once, and again each time that something is mounted or unmounted."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    table = os.open(mountinfo, os.O_RDONLY | os.O_CLOEXEC)
    with select.epoll() as waiting:
        try:
            waiting.register(table, select.EPOLLPRI | select.EPOLLERR)
            loop.add_reader(waiting.fileno(), changed.set)
            while True:
                waiting.poll(0)  # takes note of this change: the next one is news again
                changed.clear()
                yield
                await changed.wait()
        finally:
            loop.remove_reader(waiting.fileno())
            os.close(table)


def _is_removable(device: Path) -> bool:
    """Whether a device, or what it is a part of, can be pulled."""
    real = device.resolve()
    if not device.exists():
        return False
    marks = [each / "removable" for each in (real, real.parent)]
    return "/usb" in str(real) or any(
        mark.is_file() and mark.read_text("ascii").strip() == "1" for mark in marks
    )


def _path(escaped: str) -> Path:
    """Return a mount point as it is: blanks stand as octal numbers in the table."""
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), escaped)
    return Path(text)


def _writable(options: str) -> bool:
    return "rw" in options.split(",")
