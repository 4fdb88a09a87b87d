"""A private PostgreSQL cluster on a free loopback port, where Debian's packages are installed."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg  # type: ignore[import-untyped]

from tests.ports import free_port

PROGRAMS = ("initdb", "pg_ctl")


def program(name: str) -> str | None:
    """Return the path of one of PostgreSQL's programs, the newest version, None without one."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


def why_not() -> str | None:
    """Say why there can be no cluster here, None when there can."""
    if any(program(name) is None for name in PROGRAMS):
        return "PostgreSQL is not installed (Debian: postgresql)"
    if os.geteuid() == 0 and _user() is None:
        return "no user postgres to run it as"
    return None


def _user() -> "pwd.struct_passwd | None":
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return None


class Cluster(NamedTuple):
    """A running cluster: `127.0.0.1:port`, and the process whose children do its work."""

    address: str
    pid: int


@contextmanager
def cluster(parent: Path) -> Iterator[Cluster]:
    """Give a fresh cluster, durable as it comes (fsync and commits on)."""
    initdb, pg_ctl = (program(name) or name for name in PROGRAMS)
    user = _user() if os.geteuid() == 0 else None
    identity: dict[str, Any] = {"cwd": "/"}
    folder = Path(tempfile.mkdtemp(prefix="cbpg-", dir=parent.parent))
    if user is not None:
        # PostgreSQL refuses to run as root.
        identity |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        os.chown(folder, user.pw_uid, user.pw_gid)
    data, port = folder / "data", free_port()
    made = [initdb, "-D", str(data), "-A", "trust", "-U", "commune", "-E", "UTF8", "--locale=C"]
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder}"
    control = [pg_ctl, "-D", str(data), "-w", "-l", str(folder / "log")]
    try:
        _run(made, identity)
        _run([*control, "-o", options, "start"], identity)
        try:
            pid = int((folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
            yield Cluster(f"127.0.0.1:{port}", pid)
        finally:
            _run([*control, "-m", "immediate", "stop"], identity)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(argv: Sequence[str], identity: dict[str, Any]) -> None:
    quiet = subprocess.DEVNULL
    subprocess.run(argv, check=True, stdout=quiet, stderr=quiet, **identity)


async def fresh(address: str, name: str) -> str:
    """Make an empty database and return its address for server.toml."""
    connection = await asyncpg.connect(f"postgresql://commune@{address}/postgres")
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    return f"postgresql+asyncpg://commune@{address}/{name}"


async def insert_rate(address: str, events: Sequence[bytes], batch: int) -> float:
    """Return events a second into one table, `batch` a commit, through asyncpg alone."""
    connection = await asyncpg.connect(f"postgresql://commune@{address}/postgres")
    try:
        await connection.execute("CREATE TABLE raw(pos BIGSERIAL PRIMARY KEY, body BYTEA)")
        began = time.perf_counter()
        for start in range(0, len(events), batch):
            async with connection.transaction():
                rows = [(event,) for event in events[start : start + batch]]
                await connection.executemany("INSERT INTO raw(body) VALUES ($1)", rows)
        rate = len(events) / (time.perf_counter() - began)
        await connection.execute("DROP TABLE raw")
        return rate
    finally:
        await connection.close()
