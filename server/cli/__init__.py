"""`commune-server`: the command line. Environment and streams enter here and nowhere below."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

import click

from console.speech import Speech, language_of
from console.words import WordsGroup, top
from server.cli.opening import Context

CONFIG_DEFAULT: Final = Path("/etc/commune/server.toml")
CONFIG_VARIABLE: Final = "COMMUNE_SERVER_CONFIG"

MODULES: Final[Mapping[str, str]] = {
    "run": "server.cli.serving",
    "migrate": "server.cli.serving",
    "verify": "server.cli.checking",
    "rebuild": "server.cli.checking",
    "backup": "server.cli.checking",
    "restored": "server.cli.restored",
    "offices": "server.cli.offices",
    "devices": "server.cli.devices",
    "import": "server.cli.carrying",
    "incidents": "server.cli.incidents",
    "conflicts": "server.cli.conflicts",
    "numbers": "server.cli.numbers",
    "keys": "server.cli.keys",
    "publish": "server.cli.publish",
    "quarantine": "server.cli.quarantine",
    "token": "server.cli.tokens",
    "user": "server.cli.users",
}


def build(speech: Speech) -> WordsGroup:
    """Make the whole command line."""

    def enter(ctx: click.Context, config: Path) -> None:
        ctx.obj = Context(speech, config)

    return top(
        speech,
        "commune-server",
        MODULES,
        enter,
        click.Option(
            ["--config"],
            type=click.Path(path_type=Path, dir_okay=False),
            envvar=CONFIG_VARIABLE,
            default=CONFIG_DEFAULT,
            metavar="FILE",
            help=speech("option.config", default=CONFIG_DEFAULT),
        ),
    )


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    build(Speech("server", language_of(os.environ))).main(prog_name="commune-server")
