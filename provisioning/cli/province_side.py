"""What the commands at the province's server share: its settings, opened the server's own way."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

import click

from console.speech import Speech
from provisioning.cli.answers import refuse
from server.cli.opening import Context, run
from server.context import ServerContext
from wire.problems import Refusal

T = TypeVar("T")
CONFIG_DEFAULT: Final = Path("/etc/commune/server.toml")
CONFIG_VARIABLE: Final = "COMMUNE_SERVER_CONFIG"


def config_option(speech: Speech) -> click.Option:
    """Return the option `--config` for server.toml."""
    return click.Option(
        ["--config"],
        type=click.Path(path_type=Path, dir_okay=False),
        envvar=CONFIG_VARIABLE,
        default=CONFIG_DEFAULT,
        metavar="FILE",
        help=speech("option.server-config", default=CONFIG_DEFAULT),
    )


def at_province(
    speech: Speech,
    config: Path,
    work: Callable[[ServerContext], Awaitable[T]],
    *,
    as_json: bool,
) -> T:
    """Do `work` with keys and database open; tell what stands in the way, and exit."""

    async def told(context: ServerContext) -> T:
        try:
            return await work(context)
        except Refusal as refusal:
            refuse(speech, refusal, as_json=as_json)

    return run(Context(Speech("server", speech.lang), config), told)
