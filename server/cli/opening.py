"""Open what a command needs, and tell every way in which that can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from console.speech import EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_USAGE, Speech
from server.config import Config, load
from server.context import ServerContext
from server.main import open_context
from server.store.migrate import SchemaNewer, SchemaOlder
from server.store.transient import FAULTS, is_transient
from wire.problems import Refusal
from wire.settings import SettingsRefused

T = TypeVar("T")


class Context(NamedTuple):
    """What every command is given: how to speak, and where the settings are."""

    speech: Speech
    config_file: Path


def settings(context: Context) -> Config:
    """Read server.toml; exits with 2 after naming every mistake in it."""
    speech = context.speech
    try:
        return load(context.config_file)
    except OSError as error:
        speech.tell(speech("config.unreadable", file=context.config_file, reason=error.strerror))
    except SettingsRefused as refused:
        speech.tell(speech("config.wrong", file=context.config_file))
        for problem in refused.problems:
            speech.tell(
                speech(
                    "config.problem",
                    line=problem.line,
                    path=problem.path,
                    message=problem.message,
                    remedy=problem.remedy,
                )
            )
    raise SystemExit(EXIT_USAGE)


def run(context: Context, work: Callable[[ServerContext], Awaitable[T]]) -> T:
    """Run `work` with the server's keys and database open, and close them afterwards."""
    config = settings(context)

    async def inside() -> T:
        async with opened(config) as server:
            return await work(server)

    return telling(context.speech, config, inside)


def telling(speech: Speech, config: Config, work: Callable[[], Awaitable[T]]) -> T:
    """Run `work`; exits with the code of whatever is in its way, in the reader's words."""
    try:
        return asyncio.run(_awaited(work))
    except Refusal as refusal:
        speech.refuse(refusal)
    except SchemaNewer:
        speech.refuse(Refusal("schema-newer"))
    except SchemaOlder:
        speech.tell(speech("store.older"))
        raise SystemExit(EXIT_REFUSED) from None
    except FAULTS as error:
        said = getattr(error, "orig", None) or error
        if config.database.startswith("sqlite"):
            if "locked" in str(said):  # by whoever is writing; nothing is wrong with it
                speech.refuse(Refusal("database-locked", str(said)))
            if not is_transient(error):
                speech.refuse(Refusal("store-damaged", str(said)))
        speech.tell(speech("store.unreachable", reason=said))
        raise SystemExit(EXIT_UNREACHABLE) from None


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[ServerContext]:
    """Open keys and database, and close the database at the end."""
    server = await open_context(config)
    try:
        yield server
    finally:
        await server.store.close()
