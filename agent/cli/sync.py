"""`sync`: deliver now, and wait for it."""

from typing import Final

import click

from agent.cli.link import ANSWER_S_MAX, daemon_of
from agent.cli.tree import Context
from agent.status import Status
from agent.web.limits import SYNC_WAIT_S_MAX
from agent.web.line_words import line_words
from agent.web.shapes import SyncAsked, SyncDone
from console.speech import EXIT_DONE, EXIT_UNREACHABLE, Speech
from console.words import Words, command, json_option

WAIT_S_DEFAULT: Final = 60


def run(context: Context, *, wait: int, as_json: bool) -> None:
    """Ask for a delivery; exits with 0 when nothing is left, with 3 when the time ran out."""
    asked = SyncAsked(wait_s=wait)
    speech, daemon = context.speech, daemon_of(context)
    done = daemon.post("/api/sync", asked, SyncDone, timeout_s=wait + ANSWER_S_MAX)
    if as_json:
        speech.print_json(done)
    left = done.backlog > 0 or done.blobs_waiting > 0
    if left:
        speech.tell(_why_left(speech, daemon.get("/api/status", Status), done))
    elif not as_json:
        click.echo(speech("sync.done", head=done.head))
    raise SystemExit(EXIT_UNREACHABLE if left else EXIT_DONE)


def _why_left(speech: Speech, status: Status, done: SyncDone) -> str:
    """Say whether what is left goes by itself, or what it waits for."""
    words = line_words(status)
    if words.tone != "bad":
        return speech("sync.left", backlog=done.backlog)
    sentence, to_do = words.sentence.pick(speech.lang), words.to_do.pick(speech.lang)
    return speech("sync.stuck", backlog=done.backlog, sentence=sentence, to_do=to_do)


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
