"""Runs a province's server as its own process; the argument is the folder."""

import asyncio
import sys
from pathlib import Path

from server.config import load
from server.main import run

if __name__ == "__main__":
    asyncio.run(run(load(Path(sys.argv[1]) / "server.toml")))
