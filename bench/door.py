"""A producer at the office's Unix socket: HTTP as any program would speak it, and little else.

It costs as little as it can, because it shares the machine with what is measured.
"""

import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

PATIENCE_S = 300
SENT_AT_ONCE_BYTES = 64 << 10
NDJSON_HEAD = (
    b"POST /api/commands HTTP/1.1\r\nHost: agent\r\nContent-Type: application/x-ndjson\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
STREAM_HEAD = b"GET /api/stream HTTP/1.1\r\nHost: agent\r\n\r\n"


class Refused(Exception):  # noqa: N818 - the daemon's judgement
    """The daemon did not do what the measurement needs."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """What became of a stream of commands: answers, seconds to the last, how they came."""

    answers: int
    took_s: float
    answers_a_write: float


class Door:
    """The Unix socket of one agent. Keep-alive; not for threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._http = _UnixHttp(path)

    def get(self, target: str) -> Any:
        """Ask for JSON."""
        return self._ask("GET", target, None)

    def post(self, target: str, body: Any) -> Any:
        """Have something done."""
        return self._ask("POST", target, msgspec.json.encode(body))

    def command(self, line: bytes) -> None:
        """Send one command and return when it is durable. Raises Refused."""
        self._ask("POST", "/api/commands", line)

    def sync(self, wait_s: int) -> dict[str, int]:
        """Deliver now; return as soon as nothing is left, at the latest after `wait_s`."""
        answer: dict[str, int] = self.post("/api/sync", {"wait_s": wait_s})
        return answer

    def drain(self, wait_s: int = PATIENCE_S) -> float:
        """Deliver everything and return the seconds it took. Raises Refused when it is too late."""
        began = time.perf_counter()
        done = self.sync(wait_s)
        if done["backlog"]:
            raise Refused(f"{done['backlog']} events left after {wait_s} s")
        return time.perf_counter() - began

    def is_up(self) -> bool:
        """Tell whether the agent answers that it is well."""
        try:
            self.get("/healthz")
        except (OSError, Refused):
            self._http.close()
            return False
        return True

    def stream(self, lines: Sequence[bytes]) -> Streamed:
        """Send commands as fast as they are taken. Raises Refused when one is not done."""
        with self._conversation() as (sock, answers):
            sender = threading.Thread(target=_send_all, args=(sock, lines), daemon=True)
            began = time.perf_counter()
            sender.start()
            count, writes, last = 0, 0, began
            while chunk := _chunk(answers):
                count += _good(chunk)
                writes += 1
                last = time.perf_counter()
            sender.join()
        if count != len(lines):
            raise Refused(f"{count} answers to {len(lines)} commands")
        return Streamed(count, last - began, count / writes)

    def one_by_one(self, lines: Iterable[bytes]) -> list[float]:
        """Send each command after the answer to the one before; return the seconds of each."""
        took = []
        with self._conversation() as (sock, answers):
            for line in lines:
                began = time.perf_counter()
                sock.sendall(_framed(line))
                _good(_chunk(answers))
                took.append(time.perf_counter() - began)
            sock.sendall(b"0\r\n\r\n")
        return took

    @contextmanager
    def listen(self) -> Iterator[Iterator[str]]:
        """Listen as a page does; gives the names of the events as they come."""
        with _connected(self._path) as sock:
            sock.sendall(STREAM_HEAD)
            answer = cast("BinaryIO", sock.makefile("rb"))
            _skip_head(answer)
            try:
                yield (
                    line.removeprefix(b"event: ").strip().decode()
                    for line in answer
                    if line.startswith(b"event: ")
                )
            finally:
                sock.shutdown(socket.SHUT_RDWR)  # whoever still reads comes to the end

    @contextmanager
    def _conversation(self) -> Iterator[tuple[socket.socket, BinaryIO]]:
        with _connected(self._path) as sock:
            sock.sendall(NDJSON_HEAD)
            answers = cast("BinaryIO", sock.makefile("rb", buffering=1 << 18))
            _skip_head(answers)
            yield sock, answers

    def _ask(self, method: str, target: str, body: bytes | None) -> Any:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self._http.request(method, target, body, headers)
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise Refused(f"{method} {target}: {answer.status} {content[:300]!r}")
        return msgspec.json.decode(content) if content else None


class _UnixHttp(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("agent", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket file."""
        self.sock = _connected(self._path)


def _connected(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(PATIENCE_S)
    try:
        sock.connect(str(path))
    except OSError:
        sock.close()
        raise
    return sock


def _send_all(sock: socket.socket, lines: Sequence[bytes]) -> None:
    held: list[bytes] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= SENT_AT_ONCE_BYTES:
            sock.sendall(_framed(b"".join(held)))
            held, size = [], 0
    if held:
        sock.sendall(_framed(b"".join(held)))
    sock.sendall(b"0\r\n\r\n")


def _framed(data: bytes) -> bytes:
    """Frame one chunk (RFC 9112 section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _skip_head(answer: BinaryIO) -> None:
    status = answer.readline()
    if b" 200 " not in status:
        raise Refused(status.decode("latin-1").strip())
    while answer.readline().strip():
        pass


def _chunk(answer: BinaryIO) -> bytes:
    """Read one chunk, empty at the end."""
    size = int(answer.readline(), 16)
    data = answer.read(size + 2)
    return data[:size]


def _good(chunk: bytes) -> int:
    """Count the answers in a chunk. Raises Refused when one of them is a refusal."""
    if b'"ok":false' in chunk:
        line = next(line for line in chunk.split(b"\n") if b'"ok":false' in line)
        raise Refused(line.decode())
    return chunk.count(b"\n")
