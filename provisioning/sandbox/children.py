"""The programs of the sandbox as child processes: watched, restarted, ended with it."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from msgspec import Struct

STOP_S_MAX: Final = 4
"""A child that does not end within this after SIGTERM is killed."""
RESTART_FIRST_S: Final = 0.5
RESTART_S_MAX: Final = 30.0
STEADY_S: Final = 60
"""A child that lived this long is restarted as if it had never failed."""
TAIL_LINES: Final = 8
TAIL_BYTES: Final = 8_192


class Died(Struct, frozen=True):
    """A child ended by itself: who, with which code, its last words, when it comes again."""

    name: str
    code: int
    last_lines: Sequence[str]
    again_s: float


@dataclass(slots=True)
class Child:
    """One program that shall run as long as the sandbox does.

    `prepare` runs before each start. The child leads its own process group, so that Ctrl-C in
    the terminal reaches the sandbox alone, which then ends it in order; the kernel ends it too
    should the sandbox itself be killed.
    """

    name: str
    argv: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    told: Callable[[Died], None]
    prepare: Callable[[], None] = lambda: None
    deaths: int = field(default=0, init=False)

    async def run(self) -> None:
        """Keep the program running until cancelled; then end it and return when it is gone."""
        loop = asyncio.get_running_loop()
        wait_s = RESTART_FIRST_S
        while True:
            began = loop.time()
            code = await self._once()
            self.deaths += 1
            if loop.time() - began > STEADY_S:
                wait_s = RESTART_FIRST_S
            self.told(Died(self.name, code, last_lines(self.log), wait_s))
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RESTART_S_MAX)

    async def _once(self) -> int:
        """Run the program once and return its exit code (negative: the signal that ended it)."""
        self.prepare()
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *_bound_to_us(),
                *self.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.environment),
                start_new_session=True,
            )
        try:
            return await process.wait()
        finally:
            await asyncio.shield(_end(process))


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process that may be gone already: asked first, killed when it does not follow."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_S_MAX):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def last_lines(log: Path) -> tuple[str, ...]:
    """Return the last lines of a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ()
    return tuple(line for line in text.splitlines() if line.strip())[-TAIL_LINES:]


def program(name: str) -> str:
    """Return the path of one of our programs, which are installed beside the interpreter."""
    return str(Path(sys.executable).with_name(name))


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a child is given of our environment: nothing that configures it by accident."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("COMMUNE_") or name == "COMMUNE_LANG"
    } | {"PYTHONUNBUFFERED": "1"}


def _bound_to_us() -> Sequence[str]:
    """Return the words before a command that let the kernel end it when we are killed."""
    setpriv = shutil.which("setpriv", path=os.defpath + ":/usr/sbin:/sbin")
    return () if setpriv is None else (setpriv, "--pdeathsig", "TERM", "--")
