"""Commands whose helps stand in the language of their reader, each made when it is used."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NoReturn

import click

from console import usage
from console.speech import EXIT_DONE, EXIT_REFUSED, EXIT_USAGE, Speech

Maker = Callable[[Speech], click.Command]


class Words(click.Command):
    """A command whose help stands in the language of its reader."""

    speech: Speech

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words; what is wrong with them says of which command they are."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as wrong:
            wrong.ctx = wrong.ctx or ctx
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and speak to programs as well as to people if it was asked to."""
        self.speech.as_json = bool(ctx.params.get("as_json", False))
        return super().invoke(ctx)

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
    """A group of commands; `path` is the dotted place of its texts below `help.`, "" at the top."""

    def __init__(
        self,
        speech: Speech,
        makers: Mapping[str, Callable[[], click.Command]],
        path: str,
        **rest: Any,
    ) -> None:
        super().__init__(**rest)
        self.speech = speech
        self._makers = makers
        self._path = path

    def main(self, *args: Any, **rest: Any) -> NoReturn:
        """Run the command line and exit with its code; a wrong one is told in words, code 2."""
        rest["standalone_mode"] = False
        try:
            code = super().main(*args, **rest)
        except click.UsageError as wrong:
            usage.tell(self.speech, wrong)
            sys.exit(EXIT_USAGE)
        except click.ClickException as wrong:
            self.speech.tell(wrong.format_message())
            sys.exit(wrong.exit_code)
        except click.Abort:
            sys.exit(EXIT_REFUSED)
        sys.exit(code if isinstance(code, int) else EXIT_DONE)

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
        prefix = f"{self._path}-" if self._path else ""
        rows = [
            (name, self.speech(f"help.{prefix}{name}").partition("\n")[0]) for name in self._makers
        ]
        with formatter.section(self.speech("word.commands")):
            formatter.write_dl(rows)


def command(
    speech: Speech, name: str, run: Callable[..., Any], *params: click.Parameter, key: str = ""
) -> Words:
    """Make one command: its help is `help.<key or name>`, `context.obj` its first argument."""
    made = Words(
        name, callback=click.pass_obj(run), params=list(params), help=speech(f"help.{key or name}")
    )
    made.speech = speech
    return made


def group(speech: Speech, name: str, makers: Mapping[str, Maker]) -> WordsGroup:
    """Make a group below the top, such as `user`; helps are `help.<name>-<command>`."""
    return WordsGroup(
        speech,
        {key: _with(maker, speech) for key, maker in makers.items()},
        name,
        name=name,
        help=speech(f"help.{name}"),
    )


def top(
    speech: Speech,
    name: str,
    modules: Mapping[str, str],
    enter: Callable[..., Any],
    *params: click.Parameter,
) -> WordsGroup:
    """Make a whole command line: each command lies in `COMMANDS` of the module named for it.

    `enter(context, **options)` runs before any command and puts into `context.obj` what the
    command is given first. The help of the whole is the text `help.top`.
    """
    return WordsGroup(
        speech,
        {key: _from(module, key, speech) for key, module in modules.items()},
        "",
        name=name,
        help=speech("help.top"),
        callback=click.pass_context(enter),
        params=[*params, _version(speech)],
    )


def json_option(speech: Speech) -> click.Option:
    """Return the option `--json`."""
    return click.Option(["--json", "as_json"], is_flag=True, help=speech("option.json"))


def _with(maker: Maker, speech: Speech) -> Callable[[], click.Command]:
    return lambda: maker(speech)


def _from(module: str, name: str, speech: Speech) -> Callable[[], click.Command]:
    def make() -> click.Command:
        maker: Maker = import_module(module).COMMANDS[name]
        return maker(speech)

    return make


def _version(speech: Speech) -> click.Parameter:
    holder = click.version_option(package_name="commune", help=speech("option.version"))(
        lambda: None
    )
    version: click.Parameter = holder.__click_params__[0]  # type: ignore[attr-defined]
    return version
