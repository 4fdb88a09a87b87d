"""A real province and a real office in a folder, made by `commune-provision sandbox`."""

import contextlib
import json
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agent.journal.database import open_reader
from bench import authority
from bench.door import Door
from tests.e2e.world import BIN, Program, environment
from tests.ports import free_port

READY_S = 60
LOOK_S = 0.005
LOG_CHARS = 3000
PROVISION_S = 120


class NotUp(Exception):  # noqa: N818 - a state of the program
    """A program did not come up; the message is the end of its log."""


@dataclass
class Place:
    """One province and one office; a context manager that ends what it started.

    `told_url`: what the agent takes for the province's address (a line in between), by default the
    server's own. `has_tls`: the server speaks TLS, and the agent believes only its authority.
    `wrap`: turns the command line of "server" or "agent" into the one that is run. `host`: where
    the server listens.
    """

    folder: Path
    told_url: str = ""
    host: str = "127.0.0.1"
    server_port: int = field(default_factory=free_port)
    has_tls: bool = True
    has_scanner: bool = False
    wrap: Callable[[str, Sequence[str]], Sequence[str]] = lambda _, argv: argv

    def __enter__(self) -> Self:
        self.facts = self._make()
        office = self.facts["agents"][0]
        self.toml = Path(office["config"])
        self.socket = Path(office["socket"])
        self.home = self.toml.parent
        self.door = Door(self.socket)
        self.server_toml = self.folder / "server" / "server.toml"
        self.made = authority.make(self.folder / "tls")
        self._settle()
        self.server = self._program("commune-server", "server", self.server_toml)
        self.agent = self._program("commune-agent", "agent", self.toml)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.agent.kill()
        self.server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self) -> str:
        """The server's own address."""
        return f"{'https' if self.has_tls else 'http'}://{self.host}:{self.server_port}"

    def start_server(self, is_up: Callable[[], bool]) -> None:
        """Start the province and wait until `is_up` says that it answers."""
        self.server.start()
        self._await(self.server, is_up)

    def start_agent(self) -> float:
        """Start the office; return the seconds until its socket answers."""
        began = time.perf_counter()
        self.agent.start()
        self._await(self.agent, self.door.is_up)
        return time.perf_counter() - began

    def stop_agent(self) -> None:
        """Stop the office as systemd does."""
        self.agent.stop()
        self.door = Door(self.socket)

    def fill(self, count: int, lines: Iterator[bytes]) -> None:
        """Record `count` events."""
        wanted = self.head() + count
        while (missing := wanted - self.head()) > 0:
            self.door.stream([next(lines) for _ in range(missing)])

    def head(self) -> int:
        """Return the number of events the office has recorded."""
        return int(self.door.get("/api/status")["head"])

    def events(self) -> list[bytes]:
        """Return the office's own events as they lie in its journal."""
        key = (self.home / "keys" / "journal.key").read_bytes()
        query = (
            "SELECT event.body FROM event JOIN journal ON journal.no = event.journal "
            "WHERE journal.side = 'office' AND event.body IS NOT NULL ORDER BY event.pos"
        )
        with contextlib.closing(open_reader(self.database, key)) as connection:
            return [row[0] for row in connection.execute(query)]

    @property
    def database(self) -> Path:
        """The journal's file."""
        return self.home / "data" / "journal.db"

    def server_is_up(self) -> bool:
        """Ask the server from here."""
        return answers(self.url, self.made.ca_file)

    def _make(self) -> dict[str, Any]:
        argv = [str(BIN / "commune-provision"), "sandbox", "--dir", str(self.folder)]
        argv += ["--create-only", "--json", "--server-port", str(self.server_port)]
        argv += ["--agent-port", str(free_port())]
        if not self.has_scanner:
            argv.append("--no-devices")
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            env=environment(),
            timeout=PROVISION_S,
            check=False,
        )
        if done.returncode != 0:
            raise NotUp(done.stderr + done.stdout)
        facts: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return facts

    def _settle(self) -> None:
        """Write address and trust into both settings files."""
        plain = f"127.0.0.1:{self.server_port}"
        server = self.server_toml.read_text()
        server = server.replace(f'"{plain}"', f'"{self.host}:{self.server_port}"')
        agent = self.toml.read_text()
        agent = agent.replace(f'url = "http://{plain}"', f'url = "{self.told_url or self.url}"')
        if self.has_tls:
            server += f'tls_cert = "{self.made.cert_file}"\ntls_key = "{self.made.key_file}"\n'
            trust = f'[province]\nca_file = "{self.made.ca_file}"\n'
            agent = agent.replace("[province]\n", trust)
        self.server_toml.write_text(server)
        self.toml.write_text(agent)

    def _program(self, name: str, role: str, toml: Path) -> Program:
        argv = self.wrap(role, [str(BIN / name), "--config", str(toml), "run"])
        return Program(argv, self.folder / f"{role}.log", 0)

    def _await(self, program: Program, is_up: Callable[[], bool]) -> None:
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            if program.process is None or program.process.poll() is not None:
                break
            if is_up():
                return
            # Another process's readiness cannot be awaited, only asked for.
            time.sleep(LOOK_S)
        raise NotUp(program.log.read_text(errors="replace")[-LOG_CHARS:])


def answers(url: str, ca_file: Path) -> bool:
    """Tell whether a server says that it is well."""
    context = ssl.create_default_context(cafile=str(ca_file))
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5, context=context) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
