"""`submit`: commands out of a file or a pipe, results as they become durable.

Both ways stream at once: a thread reads the input (a pipe cannot be asked whether it has more),
the loop sends what fits in the window and prints answers as they come. What is sent and not yet
answered is bounded, so that a lost daemon leaves few lines unknown.
"""

import asyncio
import os
import stat
import sys
import threading
from pathlib import Path
from typing import Final

import click
import h11
import msgspec

from agent.cli.link import absent, config_of, no_permission
from agent.cli.tree import Context
from agent.web.ndjson import LineCounter
from console.speech import EXIT_DONE, EXIT_REFUSED, EXIT_UNREACHABLE, Speech
from console.words import Words, command
from wire.problems import ProblemDocument, Refusal

CHUNK_BYTES: Final = 64 << 10
CHUNKS_READ_AHEAD: Final = 4
WINDOW_LINES: Final = 2048
REFUSED: Final = b'{"ok":false'
CONNECT_S_MAX: Final = 10


class Unreadable(Exception):  # noqa: N818 - a state of the input
    """The input could not be read to its end."""


class Gone(Exception):  # noqa: N818 - a state of the daemon
    """The daemon closed the connection before everything was answered."""


class Exchange:
    """One NDJSON conversation with the daemon."""

    def __init__(self, speech: Speech, *, progress: bool) -> None:
        self.sent = LineCounter()
        self.answered = 0
        self.refused = 0
        self._http = h11.Connection(h11.CLIENT)
        self._speech = speech
        self._progress = progress
        self._rest = b""
        self._room = asyncio.Event()
        self._room.set()

    @property
    def unanswered(self) -> int:
        """Lines that were sent, wholly or in part, and have no answer."""
        return self.sent.answerable - self.answered

    async def run(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, source: "Source"
    ) -> None:
        """Converse to the end. Raises Gone, or the SystemExit of a refused conversation."""
        sending = asyncio.create_task(self._send(writer, source), name="submit-send")
        try:
            await self._receive(reader)
        finally:
            sending.cancel()
            (trouble,) = await asyncio.gather(sending, return_exceptions=True)
            if isinstance(trouble, Unreadable):
                raise trouble
        if self.unanswered or not source.ended:
            raise Gone

    async def _send(self, writer: asyncio.StreamWriter, source: "Source") -> None:
        headers = [
            ("host", "agent"),
            ("content-type", "application/x-ndjson"),
            ("accept-language", self._speech.lang),
            ("transfer-encoding", "chunked"),
        ]
        request = h11.Request(method="POST", target="/api/commands", headers=headers)
        writer.write(self._http.send(request) or b"")
        try:
            await self._send_all(writer, source)
        except Unreadable:
            writer.transport.abort()  # the receiving half ends with it
            raise

    async def _send_all(self, writer: asyncio.StreamWriter, source: "Source") -> None:
        while chunk := await source.read():
            await self._room.wait()
            self.sent.feed(chunk)
            if self.unanswered >= WINDOW_LINES:
                self._room.clear()
            writer.write(self._http.send(h11.Data(data=chunk)) or b"")
            await writer.drain()
        self.sent.finish()
        writer.write(self._http.send(h11.EndOfMessage()) or b"")
        await writer.drain()

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        status = 0
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await reader.read(CHUNK_BYTES))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                if status != 200:
                    self._rest += bytes(event.data)
                else:
                    self._print(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                break
            elif isinstance(event, h11.ConnectionClosed):
                raise Gone
        if status != 200:
            self._refused_whole()

    def _print(self, data: bytes) -> None:
        """Print whole lines of answers at once, and count them."""
        whole, newline, rest = data.rpartition(b"\n")
        if not newline:
            self._rest += data
            return
        text = self._rest + whole + newline
        self._rest = rest
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
        self.answered += text.count(b"\n")
        self.refused += text.count(b"\n" + REFUSED) + text.startswith(REFUSED)
        if self.unanswered < WINDOW_LINES:
            self._room.set()
        if self._progress:
            done = self.answered - self.refused
            words = self._speech("submit.progress", done=done, refused=self.refused)
            sys.stderr.write(f"\r{words}")
            sys.stderr.flush()

    def _refused_whole(self) -> None:
        self._speech.fail(msgspec.json.decode(self._rest, type=ProblemDocument))


class Source:
    """Chunks of the input, read by a thread a few ahead of what was sent."""

    def __init__(self, file: int) -> None:
        self.ended = False
        self._file = file
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes | OSError] = asyncio.Queue()
        self._ahead = threading.Semaphore(CHUNKS_READ_AHEAD)
        # A daemon thread: one that waits at a terminal must not keep the program from ending.
        threading.Thread(target=self._work, name="submit-read", daemon=True).start()

    async def read(self) -> bytes:
        """Return the next chunk, b"" at the end. Raises Unreadable."""
        chunk = await self._chunks.get()
        self._ahead.release()
        if isinstance(chunk, OSError):
            raise Unreadable(chunk.strerror or "")
        self.ended = not chunk
        return chunk

    def _work(self) -> None:
        chunk: bytes | OSError = b"-"
        while chunk and not isinstance(chunk, OSError):
            self._ahead.acquire()
            try:
                chunk = os.read(self._file, CHUNK_BYTES)
            except OSError as error:
                chunk = error
            if self._loop.is_closed():
                return
            self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)


async def submit(speech: Speech, path: Path, file: int) -> int:
    """Send everything of an open file; returns the exit code."""
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            reader, writer = await asyncio.open_unix_connection(str(path))
    except PermissionError:
        no_permission(speech, path)
    except (OSError, TimeoutError):
        absent(speech, path)
    at_terminal = sys.stderr.isatty() and not sys.stdout.isatty()
    exchange = Exchange(speech, progress=at_terminal)
    gone = False
    try:
        await exchange.run(reader, writer, Source(file))
    except Unreadable as error:
        speech.refuse(Refusal("file-unreadable", str(error)))
    except (Gone, ConnectionError, h11.RemoteProtocolError):
        gone = True
    finally:
        writer.close()
    if at_terminal:
        sys.stderr.write("\n")
    if gone:
        speech.tell(speech("submit.gone", count=exchange.unanswered))
        return EXIT_UNREACHABLE
    if exchange.refused:
        done = exchange.answered - exchange.refused
        speech.tell(speech("submit.refused", refused=exchange.refused, done=done))
        return EXIT_REFUSED
    return EXIT_DONE


def run(context: Context, file: str) -> None:
    """Send the commands of a file, or of stdin for `-`."""
    path = config_of(context).api.socket
    opened = sys.stdin.fileno() if file == "-" else _open(context.speech, Path(file))
    raise SystemExit(asyncio.run(submit(context.speech, path, opened)))


def _open(speech: Speech, file: Path) -> int:
    try:
        opened = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        speech.refuse(Refusal("file-unreadable", f"{file}: {error.strerror}"))
    if stat.S_ISDIR(os.fstat(opened).st_mode):
        speech.refuse(Refusal("file-unreadable", str(file)))
    return opened


def _submit(speech: Speech) -> Words:
    return command(speech, "submit", run, click.Argument(["file"], metavar="FILE|-"))


COMMANDS = {"submit": _submit}
