"""`simulate scanner`: a barcode scanner that reads the lines of a file."""

import asyncio
import contextlib
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import click

from console.speech import Speech
from console.words import Words, WordsGroup, command, group
from provisioning.cli.answers import misused
from provisioning.cli.signals import run_until_told
from provisioning.sandbox.scanner import SUFFIX, NotPlugged, Scanner

SETTLE_S: Final = 0.3
"""Who opens a scanner drops what comes in the first moment: it could be half a record."""
LOOK_AGAIN_S: Final = 0.05
EVERY_MS: Final = 500
LINE_BYTES_MAX: Final = 64 << 10


def scanner(speech: Speech, *, port: Path, file: Path | None, every_ms: int) -> None:
    """Read each line as one scan, then stay plugged in until told to stop."""
    is_cable = port.is_char_device() and not port.is_symlink()
    try:
        codes = _codes(None if file is None else file.read_bytes())
        if is_cable:
            run_until_told(_through_cable(port, codes, every_ms))
        else:
            run_until_told(_through_terminal(speech, port, codes, every_ms))
    except NotPlugged:
        misused(speech, speech("simulate.port-taken", port=port))
    except OSError as error:
        misused(speech, f"{error.filename or port}: {error.strerror or error}")


async def _through_cable(port: Path, codes: AsyncIterator[bytes], every_ms: int) -> None:
    """Write to a port that is there: a null-modem cable leads to the office."""
    cable = os.open(port, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        async for code in codes:
            os.write(cable, code + SUFFIX)
            await asyncio.sleep(every_ms / 1000)
    finally:
        os.close(cable)


async def _through_terminal(
    speech: Speech, port: Path, codes: AsyncIterator[bytes], every_ms: int
) -> None:
    with contextlib.closing(Scanner(port)) as simulated:
        speech.tell(speech("simulate.plugged", port=port))
        # The kernel tells nobody when a terminal is opened; it can only be asked.
        while not simulated.is_open:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_AGAIN_S)
        await asyncio.sleep(SETTLE_S)
        async for code in codes:
            simulated.scan(code)
            await asyncio.sleep(every_ms / 1000)
        speech.tell(speech("simulate.all-read"))
        await asyncio.Event().wait()


async def _codes(written: bytes | None) -> AsyncIterator[bytes]:
    """Yield the lines of what is given, or those of stdin as they come."""
    if written is not None:
        for line in written.splitlines():
            yield line
    elif stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode):
        for line in sys.stdin.buffer.read().splitlines():
            yield line
    else:
        reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
        while line := await reader.readline():
            yield line.rstrip(b"\r\n")


def _simulate(speech: Speech) -> WordsGroup:
    return group(speech, "simulate", {"scanner": _scanner_command})


def _scanner_command(speech: Speech) -> Words:
    path = click.Path(path_type=Path)
    return command(
        speech,
        "scanner",
        scanner,
        click.Option(["--port"], type=path, required=True, metavar="P", help=speech("option.port")),
        click.Option(["--file"], type=path, metavar="F", help=speech("option.scan-file")),
        click.Option(
            ["--every-ms"],
            type=click.IntRange(0, 3_600_000),
            default=EVERY_MS,
            metavar="MS",
            help=speech("option.every-ms", default=EVERY_MS),
        ),
        key="simulate-scanner",
    )


COMMANDS = {"simulate": _simulate}
