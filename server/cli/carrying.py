"""`import`: what offices sent by stick."""

from __future__ import annotations

from pathlib import Path

import click

from carrier import names, reading
from console.progress import bar
from console.speech import EXIT_REFUSED, Speech
from console.words import Words, command, json_option
from server.carrying import TakenIn, import_stick
from server.cli.opening import Context, run
from server.context import ServerContext


def import_(context: Context, *, directory: Path, as_json: bool) -> None:
    """Take in every message of a stick; exits with 1 when a file was refused."""
    speech = context.speech

    async def work(ctx: ServerContext) -> TakenIn:
        count = len(reading.find(directory, names.is_message))
        with bar(speech("carrier.importing"), max(count, 1)) as progress:
            return await import_stick(ctx, directory, progress)

    taken = run(context, work)
    if as_json:
        speech.print_json(taken)
    else:
        for each in taken.refused:
            speech.tell(speech("carrier.refused", file=each.file, code=each.code))
        click.echo(speech("carrier.imported", messages=taken.messages, bytes=taken.bytes))
    raise SystemExit(EXIT_REFUSED if taken.refused else 0)


def _import(speech: Speech) -> Words:
    kind = click.Path(path_type=Path, file_okay=False)
    directory = click.Argument(["directory"], type=kind, metavar="DIR")
    return command(speech, "import", import_, directory, json_option(speech))


COMMANDS = {"import": _import}
