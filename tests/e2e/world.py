"""A province and an office as real processes, driven only through what outsiders rely on."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

BIN = Path(sys.executable).parent
READY_S = 30


def free_port() -> int:
    """Give a loopback port that nobody holds at this moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def environment() -> dict[str, str]:
    """Give the children a small environment: English messages, warnings as errors."""
    keep = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "COVERAGE_PROCESS_START")
        if name in os.environ
    }
    return keep | {"COMMUNE_LANG": "en", "PYTHONUNBUFFERED": "1"}


@dataclass
class Program:
    """One long-running process of ours, its log kept beside it."""

    argv: Sequence[str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it; its output is appended to the log."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment()
            )

    def kill(self) -> None:
        """Pull the plug."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to stop and give its exit code."""
        return self._end(signal.SIGTERM)

    @property
    def pid(self) -> int:
        """Give the process id while it runs."""
        assert self.process is not None
        return self.process.pid

    def _end(self, number: signal.Signals) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(number)
        code = self.process.wait(15)
        self.process = None
        return code


@dataclass
class World:
    """A sandbox that was only created: its server and its first agent run under the test.

    Through `link_port` the agent may be told another address than the server's own.
    """

    folder: Path
    server_port: int = field(default_factory=free_port)
    agent_port: int = field(default_factory=free_port)
    link_port: int | None = None

    def __enter__(self) -> Self:
        argv = [
            str(BIN / "commune-provision"),
            "sandbox",
            "--dir",
            str(self.folder),
            "--create-only",
            "--json",
        ]
        argv += [
            "--no-devices",
            "--server-port",
            str(self.server_port),
            "--agent-port",
            str(self.agent_port),
        ]
        if self.link_port is not None:
            argv += ["--server-url", f"http://127.0.0.1:{self.link_port}"]
        made = subprocess.run(
            argv, capture_output=True, text=True, env=environment(), timeout=90, check=False
        )
        assert made.returncode == 0, made.stderr + made.stdout
        self.facts: dict[str, Any] = json.loads(made.stdout.strip().splitlines()[-1])
        assert self.facts["ready"] is False
        self.office: dict[str, Any] = self.facts["agents"][0]
        self.server = Program(
            [
                str(BIN / "commune-server"),
                "--config",
                str(self.folder / "server" / "server.toml"),
                "run",
            ],
            self.folder / "server.log",
        )
        self.agent = Program(
            [str(BIN / "commune-agent"), "--config", self.office["config"], "run"],
            self.folder / "agent.log",
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.agent.kill()
        self.server.kill()

    @property
    def server_url(self) -> str:
        """Give the server's own address, past any line in between."""
        return f"http://127.0.0.1:{self.server_port}"

    def start_server(self) -> None:
        """Start the province and wait until it answers."""
        self.server.start()
        self._await_health(f"{self.server_url}/healthz", self.server)

    def start_agent(self) -> None:
        """Start the office and wait until it answers."""
        self.agent.start()
        self._await_health(f"http://127.0.0.1:{self.agent_port}/healthz", self.agent)

    def _await_health(self, url: str, program: Program) -> None:
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            assert program.process is not None
            assert program.process.poll() is None, program.log.read_text()[-4000:]
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(url, timeout=1).status_code == 200:
                    return
            # Another process's readiness cannot be awaited, only asked for.
            time.sleep(0.05)
        raise AssertionError(f"{url} does not answer: {program.log.read_text()[-4000:]}")

    def run(
        self, *words: str, stdin: bytes = b"", timeout: float = 120
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a `commune-agent` command against this office."""
        return subprocess.run(
            [str(BIN / "commune-agent"), "--config", self.office["config"], *words],
            input=stdin,
            capture_output=True,
            env=environment(),
            timeout=timeout,
            check=False,
        )

    def submit(self, commands: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Submit commands as NDJSON and give the results in order."""
        lines = b"".join(
            json.dumps(command, ensure_ascii=False).encode() + b"\n" for command in commands
        )
        done = self.run("submit", "-", stdin=lines)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def sync(self, wait_s: int = 60) -> dict[str, Any]:
        """Wait until everything is delivered."""
        done = self.run("sync", "--wait", str(wait_s), "--json", timeout=wait_s + 30)
        assert done.returncode == 0, (done.stdout, done.stderr, self.agent.log.read_text()[-3000:])
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def status(self) -> dict[str, Any]:
        """Give `status --json`."""
        done = self.run("status", "--json")
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def feed(self) -> list[dict[str, Any]]:
        """Read the whole event feed of the province, as an integrator does."""
        return list(self._feed_pages())

    def _feed_pages(self) -> Iterator[dict[str, Any]]:
        after = ""
        while True:
            answer = httpx.get(
                f"{self.server_url}/v1/events",
                params={"after": after, "limit": 500} if after else {"limit": 500},
                headers={"Authorization": f"Bearer {self.facts['feed_token']}"},
                timeout=30,
            )
            answer.raise_for_status()
            lines = [json.loads(line) for line in answer.text.split("\n") if line]
            if not lines:
                return
            yield from lines
            after = lines[-1]["cursor"]

    def report(self, path: str) -> dict[str, Any]:
        """Read an address of scope `reports`."""
        answer = httpx.get(
            f"{self.server_url}{path}",
            headers={"Authorization": f"Bearer {self.facts['reports_token']}"},
            timeout=30,
        )
        answer.raise_for_status()
        result: dict[str, Any] = answer.json()
        return result

    def reconciliation(self) -> dict[str, Any]:
        """Compare both sides of this office, as the province sees it."""
        return self.report(f"/v1/reconciliation/{self.office['office']}")
