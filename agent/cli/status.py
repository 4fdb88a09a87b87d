"""`status`: the state of the daemon, the line and today."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from agent.cli.link import daemon_of
from agent.cli.tree import Context
from agent.status import Status
from agent.views.problems import ProblemList
from agent.web.line_words import LineWords, line_words
from agent.web.saving_words import saving_words
from agent.web.texts import TEXTS, written_age, written_time
from console.speech import Speech
from console.table import print_facts
from console.words import Words, command, json_option
from records.present import ProblemItem
from records.texts import TEXTS as RECORD_TEXTS

PROBLEMS_SHOWN: Final = 10
"""Problems that one screen tells beside the rest; `/api/problems` has them all."""


def run(context: Context, *, as_json: bool) -> None:
    """Print the status; exits with 3 where no daemon answers, with 0 also when the line is down."""
    daemon = daemon_of(context)
    status = daemon.get("/api/status", dict[str, Any])
    if as_json:
        context.speech.print_json(status)
        return
    problems = daemon.get("/api/problems", ProblemList).items
    told = msgspec.convert(status, Status)
    words = line_words(told)
    facts = _facts(context.speech, status, words)
    if saving := saving_words(told).pick(context.speech.lang):
        facts.append((context.speech("status.saving"), saving))
    print_facts(facts + _to_look_at(context.speech, status, problems, told=words.told))


def _facts(speech: Speech, status: dict[str, Any], words: LineWords) -> list[tuple[str, object]]:
    line, todo = words.sentence.pick(speech.lang), words.to_do.pick(speech.lang)
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


def _to_look_at(
    speech: Speech, status: dict[str, Any], problems: Sequence[ProblemItem], *, told: str
) -> list[tuple[str, object]]:
    """Return a line for each warning and problem, the newest first; none that `told` names."""
    warned = [
        RECORD_TEXTS[f"caution.{low['code']}"]
        .format(days=low["working_days_left"], left=low["left_today"])
        .pick(speech.lang)
        for low in status["lease_warnings"]
    ]
    left = [item for item in problems if item.id != told]
    lines = [
        f"{written_time(item.since)} {item.title.pick(speech.lang)} ({item.code})."
        f" {item.action.pick(speech.lang)}"
        for item in left[:PROBLEMS_SHOWN]
    ]
    if len(left) > len(lines):
        more = TEXTS["problems.more"].format(count=len(left) - len(lines))
        lines.append(more.pick(speech.lang))
    return [("!", line) for line in warned + lines]


def _status(speech: Speech) -> Words:
    return command(speech, "status", run, json_option(speech))


COMMANDS = {"status": _status}
