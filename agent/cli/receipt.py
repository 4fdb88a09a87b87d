"""`receipt`: the province's newest word that it holds the records, for others to check."""

# ruff: noqa: PLC0415 - what a command alone needs is imported when it runs, and not for its help

from pathlib import Path

import click
import msgspec

from agent.cli.link import Daemon, config_of
from agent.cli.tree import Context
from agent.config import Config
from agent.web.shapes import Done
from console.speech import Speech
from console.words import Words, command, json_option
from wire.event import format_time
from wire.problems import Refusal
from wire.proof import Proof, write
from wire.statements import Receipt, read_unverified


class Shown(msgspec.Struct, frozen=True):
    """What the receipt covers: the journal up to `seq`; `event`: the seq of the event shown."""

    journal: str
    seq: int
    hash: str
    time: str
    event: int | None
    file: str | None


def receipt(context: Context, *, event: str | None, out: Path | None, as_json: bool) -> None:
    """Tell the newest receipt, or write it into a file; exits with 1 when there is none."""
    speech = context.speech
    try:
        found = _found_or_fetched(speech, config_of(context), event)
        if out is not None:
            out.write_bytes(write(found))
    except Refusal as refusal:
        speech.refuse(refusal)
    except OSError as error:
        speech.refuse(Refusal("file-unwritable", f"{out}: {error.strerror}"))
    said = read_unverified(found.receipt, Receipt)
    shown = Shown(
        said.journal.hex(),
        said.seq,
        said.hash.hex(),
        format_time(said.time_ms),
        None if found.way is None else found.way.seq,
        None if out is None else str(out),
    )
    if as_json:
        speech.print_json(shown)
        return
    click.echo(speech("receipt.covers", seq=shown.seq, time=shown.time, hash=shown.hash))
    if out is not None:
        speech.tell(speech("receipt.written", file=out))


def _found_or_fetched(speech: Speech, config: Config, event: str | None) -> Proof:
    """Return the receipt; if none covers the event, a running daemon asks the province for one.

    The province states what it holds twice a day, so a record of this hour may have none yet.
    """
    try:
        return _found(config, event)
    except Refusal as refusal:
        daemon = Daemon(speech, config.api.socket)
        if refusal.code != "receipt-missing" or not daemon.answers():
            raise
        if not daemon.post("/api/prove", {}, Done).ok:
            raise
    return _found(config, event)


def _found(config: Config, event: str | None) -> Proof:
    from agent.journal.database import open_reader
    from agent.keys import read_journal_key
    from agent.receipt_file import proof

    if not config.database.exists():
        raise Refusal("file-unreadable", str(config.database))
    connection = open_reader(config.database, read_journal_key(config.keys_dir, fresh=False))
    try:
        return proof(connection, event)
    finally:
        connection.close()


def _receipt(speech: Speech) -> Words:
    return command(
        speech,
        "receipt",
        receipt,
        click.Option(["--event"], metavar="SEQ|ID", help=speech("option.receipt-event")),
        click.Option(
            ["--out"],
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help=speech("option.receipt-out"),
        ),
        json_option(speech),
    )


COMMANDS = {"receipt": _receipt}
