"""The way the README shows technicians: typed line by line, it ends with a recorded dossier."""

import json
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.world import BIN, Program, as_line, environment
from tests.ports import free_port

README = Path(__file__).parents[2] / "README.md"
DOSSIER = {
    "type": "dossier.receive", "procedure_code": "1.001193", "channel": "direct",
    "return_channel": "direct", "applicant": {"full_name": "Nguyễn Thị Ngọc Hà"},
}  # fmt: skip


def shown() -> Iterator[list[str]]:
    """Give the words of each line of the technicians' block."""
    section = README.read_text().partition("## For technicians")[2]
    for line in section.split("```")[1].strip().splitlines():
        yield shlex.split(line, comments=True)


class Technician:
    """Types the lines in one folder; what runs on goes into the background."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.ports = {"commune-server": free_port(), "commune-agent": free_port()}
        self.device = ""
        self._stack = stack
        url = f"http://127.0.0.1:{self.ports['commune-server']}"
        (folder / "offices.csv").write_text("code,name\nH26.107,Xã Ứng Hòa\n")
        (folder / "agent.toml").write_text(
            f'office = "H26.107"\ndata_dir = "data"\n\n[province]\nurl = "{url}"\n\n[api]\n'
            f'socket = "agent.sock"\nlisten = "127.0.0.1:{self.ports["commune-agent"]}"\n'
        )

    def types(self, words: list[str]) -> None:
        """Type one line of the README, with the names of this place."""
        words = [word.replace("abcdefghij", self.device) for word in words]
        if words[-1] == "run":
            self._start(words)
        elif "init" in words:
            port = self.ports["commune-server"]
            self.run(*words, "--url", f"http://127.0.0.1:{port}", "--listen", f"127.0.0.1:{port}")
            (self.folder / "DIR" / "root" / "root.key").rename(self.folder / "safe")
        elif "enroll" in words:
            self.device = json.loads(self.run(*words, "--json"))["device"]
        else:
            self.run(*words)

    def run(self, *words: str, stdin: bytes = b"") -> str:
        """Run a command that ends; it must go well."""
        done = subprocess.run(
            [BIN / words[0], *words[1:]],
            input=stdin,
            capture_output=True,
            cwd=self.folder,
            env=environment(),
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout.decode()

    def _start(self, words: list[str]) -> None:
        config = str(self.folder / words[2])
        argv = [str(BIN / words[0]), "--config", config, "run"]
        program = Program(argv, self.folder / f"{words[0]}.log", self.ports[words[0]])
        self._stack.callback(program.kill)
        program.start()
        assert program.await_ready(), program.tail()


def test_who_types_what_the_readme_shows_can_receive_a_dossier(tmp_path: Path) -> None:
    with ExitStack() as stack:
        technician = Technician(tmp_path, stack)
        for words in shown():
            technician.types(words)
        agent = ["commune-agent", "--config", "agent.toml"]
        (result,) = map(
            json.loads,
            technician.run(*agent, "submit", "-", stdin=as_line(DOSSIER)).splitlines(),
        )
        assert result["ok"] is True
        assert result["due_at"] is not None
        technician.run(*agent, "sync", "--wait", "30")
        (held,) = dossiers(technician)
        assert held["procedure"]["code"] == DOSSIER["procedure_code"]
        assert held["code"] == result["code"]


def dossiers(technician: Technician) -> list[dict[str, Any]]:
    """Give the dossiers that the province shows to programs."""
    server = ["commune-server", "--config", "DIR/server.toml"]
    made = technician.run(*server, "token", "create", "--scope", "feed", "--name", "central")
    answer = httpx.get(
        f"http://127.0.0.1:{technician.ports['commune-server']}/v1/dossiers",
        headers={"Authorization": f"Bearer {json.loads(made)['token']}"},
    )
    items: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
    return items
