"""Both databases: SQLite always, PostgreSQL where its programs are installed (`system`)."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import httpx
import pytest

from server import users
from server.config import Config
from server.context import ServerContext
from tests.ports import free_port
from tests.server.browser import HTML, PASSWORD, Browser
from tests.server.province import FakeClock, Seen, make_config, open_province
from tests.server.test_http import served

LOG_LINES = 20


def _program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    path = str(found[-1]) if found else shutil.which(name)
    if path is None:
        pytest.skip(f"PostgreSQL is not installed ({name}); .ci/run installs it")
    return path


def _as_postgres() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: take its own user, else nobody."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    pytest.skip("no user to run PostgreSQL as")


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a private cluster on a free loopback port; yield its address without a database."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    identity = _as_postgres()
    folder = Path(f"/tmp/commune-pg-{os.getpid()}")
    folder.mkdir(mode=0o700)
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    data = str(folder / "data")
    quiet: dict[str, Any] = {"capture_output": True, "cwd": "/", **identity}
    try:
        subprocess.run(
            [initdb, "-D", data, "-A", "trust", "-U", "commune", "-E", "UTF8", "--locale=C"],
            check=True,
            **quiet,
        )
        port = free_port()
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder}"
        )
        start = [pg_ctl, "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start"]
        subprocess.run(
            start,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            **identity,
        )
        try:
            yield f"127.0.0.1:{port}"
        finally:
            subprocess.run([pg_ctl, "-D", data, "-m", "immediate", "stop"], check=True, **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def fresh_database(address: str, name: str) -> str:
    """Make an empty database and return its SQLAlchemy address."""
    connection = await asyncpg.connect(f"postgresql://commune@{address}/postgres")
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    return f"postgresql+asyncpg://commune@{address}/{name}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
async def config(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """Settings of a province on each database."""
    if request.param == "sqlite":
        return make_config(tmp_path)
    address = request.getfixturevalue("postgresql")
    return make_config(tmp_path, await fresh_database(address, "province"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
async def ctx(config: Config, clock: FakeClock, seen: Seen) -> AsyncIterator[ServerContext]:
    """A province that is open."""
    context = await open_province(config, clock, seen)
    yield context
    await context.store.close()


@pytest.fixture
async def browser(ctx: ServerContext) -> AsyncIterator[Browser]:
    await users.add(ctx, name="operator", role="operator", password=PASSWORD)
    async with (
        served(ctx) as door,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{door.port}", headers=HTML) as http,
    ):
        yield Browser(http)


@pytest.fixture
async def signed_in(browser: Browser) -> Browser:
    answer = await browser.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    return browser
