"""`salvage`: what can be read of a damaged journal, saved into a new file."""

# ruff: noqa: PLC0415 - what a command alone needs is imported when it runs, and not for its help

import time
from typing import TYPE_CHECKING

import click
import msgspec

from agent.cli.link import config_of
from agent.cli.tree import Context
from agent.config import Config
from console.speech import Speech
from console.words import Words, command, json_option
from wire.problems import Refusal

if TYPE_CHECKING:
    from agent.journal.salvage import Salvaged


class Done(msgspec.Struct, frozen=True):
    """The own events by number: kept in a row, waiting beyond a hole, and each hole."""

    ok: bool
    kept: int
    waiting: int
    missing: tuple[tuple[int, int], ...]
    aside: str


def salvage(context: Context, *, as_json: bool) -> None:
    """Save what can be read; the daemon must be stopped."""
    speech = context.speech
    try:
        saved = _saved(config_of(context))
    except Refusal as refusal:
        speech.refuse(refusal)
    if as_json:
        speech.print_json(Done(True, saved.kept, saved.waiting, saved.missing, saved.aside))
        return
    click.echo(speech("salvage.done", kept=saved.kept, waiting=saved.waiting))
    for first, last in saved.missing:
        click.echo(speech("salvage.missing", first=first, last=last))
    click.echo(speech("restore.aside", aside=saved.aside))


def _saved(config: Config) -> "Salvaged":
    from agent.journal.salvage import salvage as save
    from agent.keys import read_enrolment, read_journal_key
    from agent.locks import DataLock

    if not config.database.exists():
        raise Refusal("file-unreadable", str(config.database))
    with DataLock(config.data_dir):
        key = read_journal_key(config.keys_dir, fresh=False)
        enrolment = read_enrolment(config.keys_dir)
        if enrolment is None:
            raise Refusal("not-enrolled")
        return save(config.database, key, enrolment.identity, time.time_ns() // 1_000_000)


def _salvage(speech: Speech) -> Words:
    return command(speech, "salvage", salvage, json_option(speech))


COMMANDS = {"salvage": _salvage}
