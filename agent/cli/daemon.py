"""`run`: the daemon itself. What it needs is imported only now."""

from agent.cli.group import Context, Words, command
from agent.cli.link import config_of
from agent.cli.speech import Speech


def run(context: Context) -> None:
    """Run the daemon until it is told to stop; exits with its code."""
    config = config_of(context)
    from agent.main import run as run_daemon

    raise SystemExit(run_daemon(config))


def _run(speech: Speech) -> Words:
    return command(speech, "run", run)


COMMANDS = {"run": _run}
