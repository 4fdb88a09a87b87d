"""Running `commune-agent` and reading what it says."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.measured import measured

PROGRAM = Path(sys.executable).with_name("commune-agent")


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Terminal:
    """A place to run commands from, with its configuration."""

    config: Path

    @classmethod
    def at(cls, directory: Path, socket: str, key: bytes) -> "Terminal":
        """Write a configuration and the journal's key into `directory`."""
        keys = directory / "keys"
        keys.mkdir(mode=0o700)
        descriptor = os.open(keys / "journal.key", os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(descriptor, key)
        os.close(descriptor)
        config = directory / "agent.toml"
        config.write_text(
            'office = "H26.107"\ndata_dir = "."\nkeys_dir = "keys"\n'
            '[province]\nurl = "http://127.0.0.1:1"\n'
            f'[api]\nsocket = "{socket}"\nlisten = ""\n'
        )
        return cls(config)

    async def start(self, *words: str, **environment: str) -> asyncio.subprocess.Process:
        """Start a command."""
        return await asyncio.create_subprocess_exec(
            str(PROGRAM),
            *("--config", str(self.config)),
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **measured(), **environment},
        )

    async def run(self, *words: str, stdin: bytes = b"", **environment: str) -> Done:
        """Run a command to its end."""
        process = await self.start(*words, **environment)
        async with asyncio.timeout(30):
            out, err = await process.communicate(stdin)
        assert process.returncode is not None
        return Done(process.returncode, out.decode(), err.decode())
