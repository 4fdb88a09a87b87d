"""The tree of commands: each in the module that is imported when it is used."""

from pathlib import Path
from typing import Final, NamedTuple

import click

from console.speech import Speech
from console.words import WordsGroup, top

CONFIG_DEFAULT: Final = Path("/etc/commune/agent.toml")
CONFIG_VARIABLE: Final = "COMMUNE_AGENT_CONFIG"

MODULES: Final = {
    "run": "agent.cli.daemon",
    "submit": "agent.cli.submit",
    "status": "agent.cli.status",
    "sync": "agent.cli.sync",
    "export": "agent.cli.carrier",
    "import": "agent.cli.carrier",
    "reconcile": "agent.cli.reconcile",
    "receipt": "agent.cli.receipt",
    "verify": "agent.cli.journal_file",
    "rebuild": "agent.cli.journal_file",
    "backup": "agent.cli.journal_file",
    "restore": "agent.cli.journal_file",
    "salvage": "agent.cli.salvage",
    "report": "agent.cli.report",
    "devices": "agent.cli.devices",
    "user": "agent.cli.users",
}


class Context(NamedTuple):
    """What every command is given: how to speak, and where the configuration is."""

    speech: Speech
    config_file: Path


def build(speech: Speech) -> WordsGroup:
    """Make the whole command line."""

    def enter(ctx: click.Context, config: Path) -> None:
        ctx.obj = Context(speech, config)

    config = click.Option(
        ["--config"],
        type=click.Path(path_type=Path, dir_okay=False),
        envvar=CONFIG_VARIABLE,
        default=CONFIG_DEFAULT,
        metavar="FILE",
        help=speech("option.config", default=CONFIG_DEFAULT),
    )
    return top(speech, "commune-agent", MODULES, enter, config)
