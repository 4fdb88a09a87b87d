"""`status`: the state of the daemon, the line and today."""

from typing import Any

from agent.cli.link import daemon_of
from agent.cli.tree import Context
from agent.web.texts import TEXTS, written_age, written_time
from console.speech import Speech
from console.table import print_facts
from console.words import Words, command, json_option


def run(context: Context, *, as_json: bool) -> None:
    """Print the status; exits with 3 where no daemon answers, with 0 also when the line is down."""
    status = daemon_of(context).get("/api/status", dict[str, Any])
    if as_json:
        context.speech.print_json(status)
    else:
        print_facts(_facts(context.speech, status))


def _facts(speech: Speech, status: dict[str, Any]) -> list[tuple[str, object]]:
    line = TEXTS[f"line.{status['line']}"].pick(speech.lang)
    todo = TEXTS[f"line.{status['line']}-do"].pick(speech.lang)
    last = status["exchange"]["last_ok_at"]
    waiting = str(status["backlog"])
    oldest_age_s = status["backlog_oldest_age_s"]
    if oldest_age_s is not None:
        waiting += f" ({written_age(oldest_age_s, speech.lang)})"
    facts: list[tuple[str, object]] = [
        (status["office"], status["name"] or ""),
        (speech("status.line"), f"{line} {todo}"),
        (speech("status.last-ok"), written_time(last) or speech("status.never")),
        (speech("status.head"), status["head"]),
        (speech("status.delivered"), status["delivered"]),
        (speech("status.backlog"), waiting),
        (speech("status.today"), speech("status.today-counts", **status["today"])),
        (speech("status.clock"), TEXTS[f"clock.{status['clock']['state']}"].pick(speech.lang)),
        (speech("status.disk"), TEXTS[f"disk.{status['disk']['state']}"].pick(speech.lang)),
        (speech("status.problems"), status["problems_open"]),
    ]
    orders = "; ".join(f"{order['order']} {order['title']}" for order in status["orders"])
    return [*facts, (speech("status.orders"), orders)] if orders else facts


def _status(speech: Speech) -> Words:
    return command(speech, "status", run, json_option(speech))


COMMANDS = {"status": _status}
