"""`sync`: deliver now, and wait for it."""

from typing import Final

import click

from agent.cli.link import ANSWER_S_MAX, daemon_of
from agent.cli.tree import Context
from agent.web.limits import SYNC_WAIT_S_MAX
from agent.web.shapes import SyncAsked, SyncDone
from console.speech import EXIT_DONE, EXIT_UNREACHABLE, Speech
from console.words import Words, command, json_option

WAIT_S_DEFAULT: Final = 60


def run(context: Context, *, wait: int, as_json: bool) -> None:
    """Ask for a delivery; exits with 0 when nothing is left, with 3 when the time ran out."""
    asked = SyncAsked(wait_s=wait)
    done = daemon_of(context).post("/api/sync", asked, SyncDone, timeout_s=wait + ANSWER_S_MAX)
    speech = context.speech
    if as_json:
        speech.print_json(done)
    left = done.backlog > 0 or done.blobs_waiting > 0
    if left:
        speech.tell(speech("sync.left", backlog=done.backlog))
    elif not as_json:
        click.echo(speech("sync.done", head=done.head))
    raise SystemExit(EXIT_UNREACHABLE if left else EXIT_DONE)


def _sync(speech: Speech) -> Words:
    wait = click.Option(
        ["--wait"],
        type=click.IntRange(0, SYNC_WAIT_S_MAX),
        default=WAIT_S_DEFAULT,
        metavar="SECONDS",
        help=speech("option.wait", default=WAIT_S_DEFAULT),
    )
    return command(speech, "sync", run, wait, json_option(speech))


COMMANDS = {"sync": _sync}
