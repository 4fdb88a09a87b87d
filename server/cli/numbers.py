"""`numbers`: numbers that more than one dossier bears, with what to do about each."""

from __future__ import annotations

import click
import msgspec

from console.speech import Speech
from console.table import print_table
from console.words import Words, command, json_option
from server import numbers_twice, offices
from server.cli.opening import Context, run
from server.context import ServerContext


def show(context: Context, *, office: str | None, as_json: bool) -> None:
    """List the numbers, each with its dossiers beside each other."""
    speech = context.speech

    async def work(ctx: ServerContext) -> list[numbers_twice.Twice]:
        async with ctx.store.read() as conn:
            chosen = None if office is None else (await offices.named(conn, office)).office_id
            return await numbers_twice.listed(conn, chosen)

    found = run(context, work)
    if as_json:
        speech.print_json({"numbers": [msgspec.to_builtins(one) for one in found]})
        return
    words = ("office", "number", "dossier", "by", "device", "at", "state")
    headings = [speech(f"numbers.{word}") for word in words]
    rows = [
        [one.office, one.number, each.dossier, each.by or "", each.device, each.at, each.state]
        for one in found
        for each in one.records
    ]
    print_table(headings, rows)
    if found:
        speech.tell(speech("numbers.do"))


def _numbers(speech: Speech) -> Words:
    office = click.Option(["--office"], metavar="CODE", help=speech("option.one-office"))
    return command(speech, "numbers", show, office, json_option(speech))


COMMANDS = {"numbers": _numbers}
