"""A province whose server runs as a process of its own, shared by a module; machines are cheap."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest

from provisioning import at_province
from provisioning.sandbox.children import Child
from provisioning.sandbox.reach import Place, until_up
from tests.ports import free_port

T = TypeVar("T")
BIN = Path(sys.executable).parent


def environment(**more: str) -> dict[str, str]:
    """What children are given: English messages, nothing of the tester's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMMUNE_")}
    return kept | {"COMMUNE_LANG": "en", "PYTHONUNBUFFERED": "1"} | more


def provision(*words: str | Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end."""
    return subprocess.run(
        [BIN / "commune-provision", *words],
        capture_output=True,
        text=True,
        env=environment(**more),
        timeout=90,
        check=False,
    )


@dataclass
class SandboxRun:
    """A sandbox that runs until the block is left."""

    words: Sequence[str | Path]
    log: Path
    facts: dict[str, Any] = field(default_factory=dict)

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [BIN / "commune-provision", "sandbox", "--json", *self.words],
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=environment(),
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        self.facts = json.loads(line)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to stop and give its exit code."""
        self.process.send_signal(number)
        return self.process.wait(10)


def processes_naming(folder: Path) -> list[int]:
    """Give the ids of living processes whose command line names a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in words:
            found.append(int(entry.name))
    return found


@dataclass
class RunningProvince:
    """A founded province with two offices, its server up."""

    folder: Path
    url: str

    @property
    def config(self) -> Path:
        """The server's settings."""
        return self.folder / "server.toml"

    def inside(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Do something with the province's database, beside the running server."""

        async def opened() -> T:
            async with at_province.opened(self.config) as context:
                return await work(context)

        return asyncio.run(opened())

    def ticket(self, office: str = "H26.107", *, valid_s: int = 3_600) -> at_province.Issued:
        """Issue a ticket that needs no approval."""
        return self.inside(
            lambda context: at_province.issue(context, office, automatic=True, valid_s=valid_s)
        )

    def machine(self, folder: Path, *, office: str = "H26.107", url: str | None = None) -> Path:
        """Write the settings of a machine that is not enrolled yet."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "agent.toml"
        file.write_text(
            f'office = "{office}"\ndata_dir = "data"\n\n[province]\nurl = "{url or self.url}"\n'
        )
        return file


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProvince]:
    """A province with two offices and a running server."""
    folder = tmp_path_factory.mktemp("province")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    home = folder / "home"
    words = ["--code", "H26", "--name", "Hà Nội", "--url", url, "--listen", f"127.0.0.1:{port}"]
    assert provision("province", "init", home, *words).returncode == 0
    offices = folder / "offices.csv"
    offices.write_text("code,name,ward_code\nH26.107,Xã Ứng Hòa,10402\nH26.108,Xã Hòa Xá,10417\n")
    done = provision("offices", "import", offices, "--config", home / "server.toml")
    assert done.returncode == 0, done.stderr
    with serving(home, port):
        yield RunningProvince(home, url)


@contextmanager
def serving(home: Path, port: int) -> Iterator[None]:
    """Run the server of the province founded in `home` until the block is left."""
    log = home.parent / "server.log"
    with log.open("wb") as written:
        server = subprocess.Popen(
            [BIN / "commune-server", "--config", home / "server.toml", "run"],
            stdout=written,
            stderr=written,
            stdin=subprocess.DEVNULL,
            env=environment(),
        )
    try:
        watched = Child("commune-server", (), log, {}, lambda died: None)
        asyncio.run(until_up(watched, Place(port=port), "/v1/province"))
        yield
    finally:
        server.terminate()
        server.wait(10)
