"""`reconcile`: whether the province lacks anything that was recorded here, in one line."""

# ruff: noqa: PLC0415 - what a command alone needs is imported when it runs, and not for its help

import datetime as dt
from typing import TYPE_CHECKING

import click

from agent.cli.link import ANSWER_S_MAX, config_of, daemon_of
from agent.cli.tree import Context
from agent.config import Config
from agent.web.limits import SYNC_WAIT_S_MAX
from agent.web.shapes import SyncAsked, SyncDone
from console.speech import EXIT_DONE, EXIT_REFUSED, Speech
from console.table import print_table
from console.words import Words, command, json_option
from wire.problems import Refusal

if TYPE_CHECKING:
    from agent.reconciling import Reconciled

REPAIR_WAIT_S = 60


def reconcile(
    context: Context,
    *,
    day: dt.datetime | None,
    kind: str | None,
    repair: bool,
    as_json: bool,
) -> None:
    """Compare, and send again what is missing when asked to; exits with 1 when something is."""
    speech, config = context.speech, config_of(context)
    named = None if day is None else day.date().isoformat()
    try:
        if repair:
            asked = SyncAsked(wait_s=min(REPAIR_WAIT_S, SYNC_WAIT_S_MAX))
            wait_s = asked.wait_s + ANSWER_S_MAX
            daemon_of(context).post("/api/sync", asked, SyncDone, timeout_s=wait_s)
        found = _compared(config, named, kind)
    except Refusal as refusal:
        speech.refuse(refusal)
    if as_json:
        speech.print_json(found)
    else:
        _tell(speech, found)
    raise SystemExit(EXIT_DONE if found.ok else EXIT_REFUSED)


def _compared(config: Config, day: str | None, kind: str | None) -> "Reconciled":
    from agent.journal.database import open_reader
    from agent.keys import read_journal_key
    from agent.reconciling import reconcile as compare

    if not config.database.exists():
        raise Refusal("file-unreadable", str(config.database))
    connection = open_reader(config.database, read_journal_key(config.keys_dir, fresh=False))
    try:
        connection.execute("BEGIN")  # one state of the file for all that is counted
        found = compare(connection, day=day, kind=kind)
    finally:
        connection.close()
    if found is None:
        raise Refusal("not-enrolled")
    return found


def _tell(speech: Speech, found: "Reconciled") -> None:
    delivered, head = found.delivered[0], found.head[0]
    words = {"head": head, "missing": found.missing, "first": delivered + 1}
    if found.receipt is not None and not found.receipt.agrees:
        click.echo(speech("reconcile.differs", seq=found.receipt.seq, time=found.receipt.time))
    elif found.missing:
        click.echo(speech("reconcile.missing", **words))
    elif not found.ok:
        click.echo(speech("reconcile.tally", **words))
    else:
        click.echo(speech("reconcile.complete", **words))
    if found.days:
        keys = ("day", "kind", "channel", "recorded", "delivered")
        rows = [[str(getattr(line, key)) for key in keys] for line in found.days]
        print_table([speech(f"reconcile.{key}") for key in keys], rows)
    if found.events:
        rows = [[str(one.seq), one.id, one.day, one.kind] for one in found.events]
        print_table([speech(f"reconcile.{key}") for key in ("seq", "id", "day", "kind")], rows)


def _reconcile(speech: Speech) -> Words:
    return command(
        speech,
        "reconcile",
        reconcile,
        click.Option(
            ["--day"],
            type=click.DateTime(["%Y-%m-%d"]),
            metavar="D",
            help=speech("option.reconcile-day"),
        ),
        click.Option(["--kind"], metavar="KIND", help=speech("option.reconcile-kind")),
        click.Option(["--repair"], is_flag=True, help=speech("option.repair")),
        json_option(speech),
    )


COMMANDS = {"reconcile": _reconcile}
