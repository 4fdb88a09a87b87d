"""The offices' part of a sandbox: enrolment over HTTP, users through their own command line."""

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from agent.config import read
from provisioning import durable
from provisioning.enrol import World, enrol
from provisioning.province_line import Later, ProvinceLine
from provisioning.sandbox.children import program
from provisioning.sandbox.facts import User
from provisioning.sandbox.layout import OfficeLayout

DEVICE_NAME: Final = "máy một cửa (sandbox)"
USERS_S_MAX: Final = 60


class UsersRefused(Exception):  # noqa: N818 - another program's judgement
    """The office did not take its users; the message is what it said."""


async def enrol_office(
    office: OfficeLayout, ticket: bytes, *, server_url: str, world: World
) -> None:
    """Enrol one office at a running server; one of many offices waits for its turn.

    Raises Refusal.
    """
    config = read(office.toml)
    line = ProvinceLine([server_url])
    while True:
        try:
            await asyncio.to_thread(enrol, ticket, config, line, world, name=DEVICE_NAME)
        except Later as later:
            if later.code != "rate-limited":
                raise
            await asyncio.sleep(later.retry_after_s)
        else:
            return


async def make_users(
    office: OfficeLayout, toml: str, users: Sequence[User], environment: Mapping[str, str]
) -> None:
    """Add the users at a running agent whose settings are `toml`; those there are stay.

    Raises UsersRefused.
    """
    file = office.folder / "users.csv"
    durable.write(file, _csv(users).encode())
    try:
        code, said = await _agent(toml, environment, "user", "import", str(file))
    finally:
        file.unlink()
    if code != 0 and not await _has(toml, environment, users):
        raise UsersRefused(said)


async def _has(toml: str, environment: Mapping[str, str], users: Sequence[User]) -> bool:
    code, said = await _agent(toml, environment, "user", "list", "--json")
    if code != 0:
        return False
    listed = {item["name"] for item in msgspec.json.decode(said)["items"]}
    return {user.name for user in users} <= listed


async def _agent(toml: str, environment: Mapping[str, str], *words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        program("commune-agent"),
        "--config",
        toml,
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(environment),
    )
    try:
        async with asyncio.timeout(USERS_S_MAX):
            said, _ = await process.communicate()
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    return process.returncode or 0, said.decode("utf-8", "replace")


def _csv(users: Sequence[User]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["name", "role", "display", "pin"])
    writer.writerows([user.name, user.role, user.display, user.pin] for user in users)
    return text.getvalue()
