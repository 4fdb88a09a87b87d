"""The rigs are tried on programs whose answer is known: a rig whose control passes is broken."""

import contextlib
import signal
import socket
import socketserver
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.crashpoints import IO_ERROR, NO_SPACE, Point, Sweep, needs_strace
from tests.chaos.link import LOST_REPLY, Fault, Link
from tests.chaos.recorder import REFUSED

LINES = [str(number) for number in range(3)]
RECORDER = Path(__file__).with_name("recorder.py")


def lost_at(point: Point, file: Path, manner: str) -> tuple[bool, set[str]]:
    """Run the recorder until it ends or dies; tell whether it died, and what it had promised."""
    done = subprocess.run(
        [*point.tracer, sys.executable, str(RECORDER), str(file), manner],
        input="\n".join(LINES) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in {0, -signal.SIGKILL, REFUSED}, done.stderr
    kept: set[str] = set()
    with sqlite3.connect(file) as connection:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
            kept = {line for (line,) in connection.execute("SELECT line FROM kept")}
    connection.close()
    return done.returncode != 0, set(done.stdout.split()) - kept


@pytest.mark.system
@needs_strace
@pytest.mark.parametrize(("manner", "loses"), [("honest", False), ("hasty", True)])
def test_a_crash_sweep_finds_who_answers_before_the_commit(
    tmp_path: Path, manner: str, loses: bool
) -> None:
    lost: dict[Point, set[str]] = {}

    def strike(point: Point) -> bool:
        died, missing = lost_at(point, tmp_path / f"{point.number}.db", manner)
        if missing:
            lost[point] = missing
        return died

    struck = Sweep("pwrite64").over(strike)
    assert struck >= 15, "three transactions of two pages each, their WAL, and a checkpoint"
    assert bool(lost) is loses, f"{manner}: {lost}"


@pytest.mark.system
@needs_strace
@pytest.mark.parametrize("fate", [IO_ERROR, NO_SPACE])
@pytest.mark.parametrize(("manner", "loses"), [("honest", False), ("deaf", True)])
def test_a_failing_disk_finds_who_answers_although_the_commit_failed(
    tmp_path: Path, manner: str, loses: bool, fate: str
) -> None:
    lost: dict[str, set[str]] = {}
    call, last = ("fdatasync", 12) if fate == IO_ERROR else ("pwrite64", 24)
    for number in range(1, last + 1):
        point = Point(call, number, fate)
        _, missing = lost_at(point, tmp_path / f"{number}.db", manner)
        if missing:
            lost[str(point)] = missing
    assert bool(lost) is loses, f"{manner}: {lost}"


@contextlib.contextmanager
def receiver(kept: list[bytes]) -> Iterator[int]:
    """Somebody who keeps every line that arrives and says so; gives the port."""

    class Keep(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if (line := self.rfile.readline()).endswith(b"\n"):
                kept.append(line)
                with contextlib.suppress(OSError):
                    self.wfile.write(b"kept")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Keep) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join(5)


def send(port: int, line: bytes) -> bool:
    """Send a line; tell whether it was confirmed."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.sendall(line)
        return sock.recv(4) == b"kept"
    return False


@pytest.mark.parametrize(
    ("fault", "copies"), [(LOST_REPLY, 2), (Fault(reset_after=3), 1)], ids=["reply", "request"]
)
def test_a_bad_line_doubles_what_is_repeated_and_not_compared(fault: Fault, copies: int) -> None:
    kept: list[bytes] = []
    with receiver(kept) as port, Link(port) as link:
        for number in range(10):
            link.fail_with(lambda: fault)
            assert not send(link.port, b"record %d\n" % number)
            link.heal()
            assert send(link.port, b"record %d\n" % number)
        assert link.struck == 10
    assert len(kept) == 10 * copies
    assert len(set(kept)) == 10


def test_a_cut_line_lets_nothing_through_until_it_is_back() -> None:
    kept: list[bytes] = []
    with receiver(kept) as port, Link(port) as link:
        link.cut()
        assert not send(link.port, b"a\n")
        link.restore()
        assert send(link.port, b"b\n")
    assert kept == [b"b\n"]
