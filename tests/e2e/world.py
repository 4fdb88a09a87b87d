"""A province and an office as real processes, driven only through what outsiders rely on."""

import atexit
import functools
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.measured import measured
from tests.ports import free_port

BIN = Path(sys.executable).parent
READY_S = 30
STOP_S = 15
LOG_CHARS = 4000


def environment() -> dict[str, str]:
    """Give the children a small environment: English messages, what they print at once."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return keep | measured() | {"COMMUNE_LANG": "en", "PYTHONUNBUFFERED": "1"}


@functools.cache
def _template() -> Path:
    """Make one whole sandbox for this process of tests: copies of it are other worlds.

    A copy is a province and an office of its own (nobody ever meets the other copies), in a
    hundredth of the time that keys, tickets and the users' PINs take.
    """
    folder = Path(tempfile.mkdtemp(prefix="commune-world-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    words = ["sandbox", "--dir", str(folder / "w"), "--create-only", "--no-devices", "--json"]
    ports = ["--server-port", str(free_port()), "--agent-port", str(free_port())]
    made = subprocess.run(
        [str(BIN / "commune-provision"), *words, *ports],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=90,
        check=False,
    )
    assert made.returncode == 0, made.stderr + made.stdout
    for kept in folder.glob("w/agents/*/data/reserve"):
        kept.unlink()  # room on the disk, made anew at each start: not worth copying
    (folder / "facts.json").write_text(made.stdout.strip().splitlines()[-1])
    return folder


def set_value(file: Path, key: str, value: str) -> None:
    """Change one `key = "value"` line of a settings file."""
    text, count = re.subn(rf'(?m)^{key} = "[^"]*"', f'{key} = "{value}"', file.read_text())
    assert count == 1, f"{file} has no line for {key}"
    file.write_text(text)


@dataclass
class Program:
    """One long-running process of ours, its log kept beside it.

    `tracer`: words that stand before the program's own, to run it under another one.
    """

    argv: Sequence[str]
    log: Path
    port: int
    tracer: Sequence[str] = ()
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it; its output is appended to the log."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.tracer, *self.argv],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=environment(),
            )

    def await_ready(self) -> bool:
        """Wait until `/healthz` answers; False when the process ended before that."""
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            assert self.process is not None
            if self.process.poll() is not None:
                return False
            if self._is_healthy():
                return True
            # Another process's readiness cannot be awaited, only asked for.
            time.sleep(0.02)
        raise AssertionError(f"{self.argv[0]} does not answer: {self.tail()}")

    def await_end(self, timeout_s: float = STOP_S) -> int:
        """Wait until the process has ended by itself; give its exit code."""
        assert self.process is not None
        code = self.process.wait(timeout_s)
        self.process = None
        return code

    def kill(self) -> None:
        """Pull the plug."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to stop and give its exit code."""
        return self._end(signal.SIGTERM)

    def tail(self) -> str:
        """Give the end of the log."""
        return self.log.read_text(errors="replace")[-LOG_CHARS:]

    @property
    def pid(self) -> int:
        """Give the process id while it runs."""
        assert self.process is not None
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Tell whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def _end(self, number: signal.Signals) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(number)
        return self.await_end()

    def _is_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@dataclass
class World:
    """A sandbox that was only created: its server and its first agent run under the test.

    Through `province_url` the agent may be told another address than the server's own.
    """

    folder: Path
    server_port: int = field(default_factory=free_port)
    agent_port: int = field(default_factory=free_port)
    province_url: str | None = None

    def __enter__(self) -> Self:
        template = _template()
        shutil.copytree(template / "w", self.folder, dirs_exist_ok=True)
        self.facts: dict[str, Any] = json.loads((template / "facts.json").read_text())
        assert self.facts["ready"] is False
        self.office: dict[str, Any] = self.facts["agents"][0]
        self.home = self.folder / "agents" / self.office["office"]
        self.config = self.home / "agent.toml"
        self.data = self.home / "data"
        self.database = self.data / "journal.db"
        self.socket = self.home / "agent.sock"
        set_value(self.config, "url", self.province_url or self.server_url)
        set_value(self.config, "listen", f"127.0.0.1:{self.agent_port}")
        server_toml = self.folder / "server" / "server.toml"
        set_value(server_toml, "listen", f"127.0.0.1:{self.server_port}")
        set_value(server_toml, "public_url", self.server_url)
        self.server = Program(
            [str(BIN / "commune-server"), "--config", str(server_toml), "run"],
            self.folder / "server.log",
            self.server_port,
        )
        self.agent = Program(
            [str(BIN / "commune-agent"), "--config", str(self.config), "run"],
            self.folder / "agent.log",
            self.agent_port,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for program in (self.agent, self.server):
            if measured() and program.is_running:
                program.stop()  # who is killed does not say where it has been
            else:
                program.kill()

    @property
    def server_url(self) -> str:
        """Give the server's own address, past any line in between."""
        return f"http://127.0.0.1:{self.server_port}"

    def start_server(self) -> None:
        """Start the province and wait until it answers."""
        self.server.start()
        assert self.server.await_ready(), self.server.tail()

    def start_agent(self) -> None:
        """Start the office and wait until it answers."""
        self.agent.start()
        assert self.agent.await_ready(), self.agent.tail()

    def start_both(self) -> None:
        """Start province and office side by side."""
        self.server.start()
        self.agent.start()
        assert self.server.await_ready(), self.server.tail()
        assert self.agent.await_ready(), self.agent.tail()

    def run(
        self, *words: str, stdin: bytes = b"", timeout: float = 120
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a `commune-agent` command against this office."""
        return subprocess.run(
            [str(BIN / "commune-agent"), "--config", str(self.config), *words],
            input=stdin,
            capture_output=True,
            env=environment(),
            timeout=timeout,
            check=False,
        )

    def open_producer(self) -> "subprocess.Popen[bytes]":
        """Start `submit -` with both ends in the test's hands."""
        return subprocess.Popen(
            [str(BIN / "commune-agent"), "--config", str(self.config), "submit", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )

    def submit(self, commands: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Submit commands as NDJSON; give the results in order, as many as came."""
        done = self.run("submit", "-", stdin=b"".join(map(as_line, commands)))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def sync(self, wait_s: int = 60) -> dict[str, Any]:
        """Wait until everything is delivered."""
        done = self.run("sync", "--wait", str(wait_s), "--json", timeout=wait_s + 30)
        assert done.returncode == 0, (done.stdout, done.stderr, self.agent.tail())
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def status(self) -> dict[str, Any]:
        """Give `status --json`."""
        return self._json("status", "--json")

    def await_status(self, timeout_s: float = 30, **wanted: object) -> dict[str, Any]:
        """Ask for the status until its members are as wanted."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            status = self.status()
            if all(status[name] == value for name, value in wanted.items()):
                return status
        raise AssertionError(f"{wanted} did not come: {status}")

    def call(
        self, method: str, path: str, body: bytes = b"", media_type: str = "application/json"
    ) -> tuple[int, str, Any]:
        """Ask at the Unix socket, as a program of the office does.

        Gives status, media type and the JSON answered.
        """
        connection = http.client.HTTPConnection("agent", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(str(self.socket))
            connection.request(method, path, body, {"Content-Type": media_type})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), json.loads(answer.read())
        finally:
            connection.close()

    def ask_again(self, commands: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Submit commands at the Unix socket, without a process of its own; give the results."""
        connection = http.client.HTTPConnection("agent", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(str(self.socket))
            body = b"".join(map(as_line, commands))
            headers = {"Content-Type": "application/x-ndjson"}
            connection.request("POST", "/api/commands", body, headers)
            lines = connection.getresponse().read().splitlines()
            return [json.loads(line) for line in lines]
        finally:
            connection.close()

    @property
    def head(self) -> int:
        """How many events the office has recorded."""
        status, _, answer = self.call("GET", "/api/status")
        assert status == 200, answer
        head: int = answer["head"]
        return head

    def verify(self) -> dict[str, Any]:
        """Check the whole journal; it must be sound."""
        return self._json("verify", "--json")

    def feed(self, after: str = "") -> list[dict[str, Any]]:
        """Read the event feed of the province to its end, as an integrator does."""
        return list(self._feed_pages(after))

    def _feed_pages(self, after: str) -> Iterator[dict[str, Any]]:
        while True:
            answer = httpx.get(
                f"{self.server_url}/v1/events",
                params={"after": after, "limit": "500"} if after else {"limit": "500"},
                headers={"Authorization": f"Bearer {self.facts['feed_token']}"},
                timeout=30,
            )
            answer.raise_for_status()
            lines = [json.loads(line) for line in answer.text.split("\n") if line]
            if not lines:
                return
            yield from lines
            after = lines[-1]["cursor"]

    def dossiers_at_province(self) -> list[dict[str, Any]]:
        """Read every dossier of the province, as an integrator does."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            answer = httpx.get(
                f"{self.server_url}/v1/dossiers",
                params={"after": after, "limit": "500"} if after else {"limit": "500"},
                headers={"Authorization": f"Bearer {self.facts['feed_token']}"},
                timeout=30,
            )
            answer.raise_for_status()
            page = answer.json()
            found += page["items"]
            after = page["next"] or ""
            if not after:
                return found

    def report(self, path: str) -> dict[str, Any]:
        """Read an address of scope `reports`."""
        answer = httpx.get(
            f"{self.server_url}{path}",
            headers={"Authorization": f"Bearer {self.facts['reports_token']}"},
            timeout=30,
        )
        assert answer.status_code == 200, (answer.text, self.server.tail())
        result: dict[str, Any] = answer.json()
        return result

    def reconciliation(self) -> dict[str, Any]:
        """Compare both sides of this office, as the province sees it."""
        return self.report(f"/v1/reconciliation/{self.office['office']}")

    def _json(self, *words: str) -> dict[str, Any]:
        done = self.run(*words)
        assert done.returncode == 0, (done.stdout, done.stderr, self.agent.tail())
        result: dict[str, Any] = json.loads(done.stdout)
        return result


def as_line(command: dict[str, Any]) -> bytes:
    """Write one command as a line of NDJSON."""
    return json.dumps(command, ensure_ascii=False).encode() + b"\n"
