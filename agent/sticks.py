"""What a person at the page can do with a plugged stick: put on it what waits, take answers."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec

from agent.mounts import Mount
from carrier import names, reading
from carrier.writing import Carried
from wire.problems import Refusal

NO_STICK: Final = "carrier-missing"
Fate = Literal["taken", "repeated", "foreign"]


class Exported(Protocol):
    """One sealed message for a stick."""

    @property
    def message(self) -> bytes: ...  # noqa: D102
    @property
    def last(self) -> int: ...  # noqa: D102
    @property
    def more(self) -> bool: ...  # noqa: D102


class RefusedFile(msgspec.Struct, frozen=True):
    """A file that was not taken, and the code of why."""

    file: str
    code: str


class Moved(msgspec.Struct, frozen=True):
    """What went onto the stick or came from it."""

    ok: bool
    messages: int
    blobs: int
    bytes: int
    refused: tuple[RefusedFile, ...]
    safe_to_remove: bool


class Stick(msgspec.Struct, frozen=True):
    """A plugged stick: `id` while it stays in, room left, answers of the province on it."""

    id: str
    name: str
    writable: bool
    free_bytes: int | None
    answers: int


class Sticks:
    """The sticks that are plugged in, and the work on one of them at a time."""

    def __init__(
        self,
        mounted: Callable[[], Sequence[Mount]],
        export: Callable[[int | None], Awaitable[Exported]],
        take_answer: Callable[[bytes], Awaitable[Fate]],
    ) -> None:
        """`mounted()`: what is plugged in now; the others as in `agent.web.parts.Parts`."""
        self._mounted, self._export, self._take_answer = mounted, export, take_answer
        self._one_at_a_time = asyncio.Lock()

    async def listed(self) -> tuple[Stick, ...]:
        """Return every stick that is plugged in."""
        return await asyncio.to_thread(self._look)

    async def export(self, stick: str) -> Moved:
        """Put everything that waits onto a stick; when this returns it may be pulled.

        Raises Refusal `carrier-missing` when it is not there any more, and as `carrier` and the
        line by stick do.
        """
        async with self._one_at_a_time:
            path = await asyncio.to_thread(self._path, stick)
            carried = await asyncio.to_thread(Carried, path)
            after: int | None = None
            while True:
                made = await self._export(after)
                name = await asyncio.to_thread(free_name, carried)
                await asyncio.to_thread(carried.write, name, made.message)
                if not made.more:
                    break
                after = made.last
            await asyncio.to_thread(carried.settle)
            size = await asyncio.to_thread(size_of, carried)
            return Moved(True, len(carried.written), 0, size, (), safe_to_remove=True)

    async def import_(self, stick: str) -> Moved:
        """Take the province's answers from a stick; what is refused is named, the rest counts.

        Raises Refusal as `export`, but for files.
        """
        async with self._one_at_a_time:
            path = await asyncio.to_thread(self._path, stick)
            files = await asyncio.to_thread(reading.find, path, names.is_answer)
            taken, size, refused = 0, 0, []
            for file in files:
                try:
                    data = await asyncio.to_thread(reading.read, file)
                    fate = await self._take_answer(data)
                except Refusal as refusal:
                    refused.append(RefusedFile(file.name, refusal.code))
                    continue
                if fate != "foreign":
                    taken, size = taken + 1, size + len(data)
            return Moved(not refused, taken, 0, size, tuple(refused), safe_to_remove=True)

    def _look(self) -> tuple[Stick, ...]:
        return tuple(_stick(mount) for mount in self._mounted())

    def _path(self, stick: str) -> Path:
        for mount in self._mounted():
            if mount.number == stick:
                return mount.path
        raise Refusal(NO_STICK)


def free_name(carried: Carried) -> str:
    """Return a name for a message that nothing on the stick has."""
    while True:
        name = names.message_name(os.urandom(names.MESSAGE_BYTES))
        if not carried.has(name):
            return name


def size_of(carried: Carried) -> int:
    """Return the bytes of everything written to a stick."""
    return sum((carried.folder / name).stat().st_size for name in carried.written)


def _stick(mount: Mount) -> Stick:
    """Look at one stick; one that has just been pulled, or is broken, holds nothing."""
    try:
        room = os.statvfs(mount.path)
        free_bytes: int | None = room.f_bavail * room.f_frsize
        answers = len(reading.find(mount.path, names.is_answer))
    except (OSError, Refusal):
        free_bytes, answers = None, 0
    return Stick(mount.number, mount.path.name, mount.writable, free_bytes, answers)
