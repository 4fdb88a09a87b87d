"""`run`: the daemon itself. What it needs is imported only now."""

# ruff: noqa: PLC0415 - what a command alone needs is imported when it runs, and not for its help

import sys

from agent.cli.link import config_of
from agent.cli.tree import Context
from agent.memory import left_out
from console.speech import Speech
from console.words import Words, command


def run(context: Context) -> None:
    """Run the daemon until it is told to stop; exits with its code."""
    config = config_of(context)
    with left_out("rich", "pygments"):
        from agent.main import run as run_daemon
        from console.logs import configure, show_faults

    configure(sys.stderr)
    show_faults()
    raise SystemExit(run_daemon(config))


def _run(speech: Speech) -> Words:
    return command(speech, "run", run)


COMMANDS = {"run": _run}
