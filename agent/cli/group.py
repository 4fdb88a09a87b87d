"""The tree of commands: names and short helps at once, a command's own module when it is used."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from agent.cli.speech import Speech

CONFIG_DEFAULT: Final = Path("/etc/commune/agent.toml")
CONFIG_VARIABLE: Final = "COMMUNE_AGENT_CONFIG"

MODULES: Final = {
    "run": "agent.cli.daemon",
    "submit": "agent.cli.submit",
    "status": "agent.cli.status",
    "sync": "agent.cli.sync",
    "verify": "agent.cli.journal_file",
    "rebuild": "agent.cli.journal_file",
    "backup": "agent.cli.journal_file",
    "restore": "agent.cli.journal_file",
    "report": "agent.cli.report",
    "devices": "agent.cli.devices",
    "user": "agent.cli.users",
}


class Context(NamedTuple):
    """What every command is given: how to speak, and where the configuration is."""

    speech: Speech
    config_file: Path


class Words(click.Command):
    """A command whose help stands in the language of its reader."""

    speech: Speech

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the usage line."""
        pieces = " ".join(self.collect_usage_pieces(ctx))
        formatter.write_usage(ctx.command_path, pieces, prefix=self.speech("word.usage") + ": ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options."""
        options = (param for param in self.get_params(ctx) if isinstance(param, click.Option))
        rows = [row for option in options if (row := option.get_help_record(ctx))]
        if rows:
            with formatter.section(self.speech("word.options")):
                formatter.write_dl(rows)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return `--help` with its own text in the reader's language."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = self.speech("option.help")
        return option


class WordsGroup(Words, click.Group):
    """A group of commands, each made when it is asked for."""

    def __init__(self, speech: Speech, makers: dict[str, Callable[[], click.Command]], **rest: Any):
        super().__init__(**rest)
        self.speech = speech
        self._makers = makers

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they are made use of."""
        del ctx
        return list(self._makers)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make one command."""
        del ctx
        maker = self._makers.get(cmd_name)
        return None if maker is None else maker()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the commands."""
        super().format_options(ctx, formatter)
        prefix = "" if self.name == "commune-agent" else f"{self.name}-"
        rows = [
            (name, self.speech(f"help.{prefix}{name}").partition("\n")[0]) for name in self._makers
        ]
        with formatter.section(self.speech("word.commands")):
            formatter.write_dl(rows)


def command(
    speech: Speech, name: str, run: Callable[..., Any], *params: click.Parameter, key: str = ""
) -> Words:
    """Make one command; its help is the text `help.<key or name>`."""
    made = Words(
        name, callback=click.pass_obj(run), params=list(params), help=speech(f"help.{key or name}")
    )
    made.speech = speech
    return made


def build(speech: Speech) -> WordsGroup:
    """Make the whole command line."""

    def maker(name: str, module: str) -> Callable[[], click.Command]:
        return lambda: import_module(module).COMMANDS[name](speech)  # type: ignore[no-any-return]

    def enter(ctx: click.Context, config: Path) -> None:
        ctx.obj = Context(speech, config)

    return WordsGroup(
        speech,
        {name: maker(name, module) for name, module in MODULES.items()},
        name="commune-agent",
        help=speech("help.agent"),
        callback=click.pass_context(enter),
        params=[
            click.Option(
                ["--config"],
                type=click.Path(path_type=Path, dir_okay=False),
                envvar=CONFIG_VARIABLE,
                default=CONFIG_DEFAULT,
                metavar="FILE",
                help=speech("option.config", default=CONFIG_DEFAULT),
            ),
            click.version_option(package_name="commune", help=speech("option.version"))(
                lambda: None
            ).__click_params__[0],
        ],
    )


def json_option(speech: Speech) -> click.Option:
    """Return the option `--json`."""
    return click.Option(["--json", "as_json"], is_flag=True, help=speech("option.json"))
