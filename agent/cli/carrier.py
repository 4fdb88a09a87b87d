"""`export` and `import`: the line by stick, for offices whose line is gone for long.

The daemon makes and judges the messages; the stick is held by whoever plugged it in.
"""

from pathlib import Path
from typing import Final

import click
import msgspec

from agent.cli.link import Daemon, daemon_of
from agent.cli.tree import Context
from agent.sticks import Moved, RefusedFile, free_name, size_of
from agent.web.shapes import AnswerTaken, CarriedAnswer, ExportAsked, ExportedMessage
from carrier import names, reading
from carrier.writing import Carried
from console.progress import bar
from console.speech import EXIT_REFUSED, Speech
from console.words import Words, command, json_option
from wire.problems import Refusal

MAKE_S: Final = 120.0
"""Compressing and sealing 1 MiB of events on the slowest box takes seconds."""


def export(context: Context, *, directory: Path, as_json: bool) -> None:
    """Put everything that waits onto a stick; exits with 1 when it does not hold it."""
    speech, daemon = context.speech, daemon_of(context)
    try:
        carried = Carried(directory)
        _write_all(speech, daemon, carried)
        carried.settle()
        size = size_of(carried)
    except Refusal as refusal:
        speech.refuse(refusal)
    moved = Moved(True, len(carried.written), 0, size, (), safe_to_remove=True)
    if as_json:
        speech.print_json(moved)
    else:
        click.echo(speech("carrier.exported", messages=moved.messages, bytes=moved.bytes))


def _write_all(speech: Speech, daemon: Daemon, carried: Carried) -> None:
    after: int | None = None
    backlog = daemon.get("/api/status", _Backlog)
    with bar(speech("carrier.exporting"), max(backlog.backlog, 1)) as progress:
        while True:
            made = daemon.post("/api/carrier/messages", ExportAsked(after), ExportedMessage, MAKE_S)
            carried.write(free_name(carried), made.message)
            progress(made.last - backlog.delivered)
            if not made.more:
                return
            after = made.last


class _Backlog(msgspec.Struct, frozen=True):
    backlog: int
    delivered: int


def import_(context: Context, *, directory: Path, as_json: bool) -> None:
    """Take the province's answers from a stick; exits with 1 when a file was refused."""
    speech, daemon = context.speech, daemon_of(context)
    try:
        files = reading.find(directory, names.is_answer)
    except Refusal as refusal:
        speech.refuse(refusal)
    taken, size, refused, left = 0, 0, [], None
    with bar(speech("carrier.importing"), max(len(files), 1)) as progress:
        for number, path in enumerate(files, 1):
            try:
                data = reading.read(path)
                answer = daemon.try_post("/api/carrier/answers", CarriedAnswer(data), AnswerTaken)
            except Refusal as refusal:
                refused.append(RefusedFile(path.name, refusal.code))
                continue
            finally:
                progress(number)
            left = answer.backlog
            if answer.fate != "foreign":
                taken, size = taken + 1, size + len(data)
    moved = Moved(not refused, taken, 0, size, tuple(refused), safe_to_remove=True)
    _tell(speech, moved, left, as_json=as_json)
    raise SystemExit(EXIT_REFUSED if refused else 0)


def _tell(speech: Speech, moved: Moved, left: int | None, *, as_json: bool) -> None:
    if as_json:
        speech.print_json(moved)
        return
    for each in moved.refused:
        speech.tell(speech("carrier.refused", file=each.file, code=each.code))
    if moved.messages == 0:
        click.echo(speech("carrier.nothing"))
    else:
        click.echo(speech("carrier.imported", messages=moved.messages, backlog=left))


def _directory() -> click.Argument:
    kind = click.Path(path_type=Path, file_okay=False)
    return click.Argument(["directory"], type=kind, metavar="DIR")


def _export(speech: Speech) -> Words:
    return command(speech, "export", export, _directory(), json_option(speech))


def _import(speech: Speech) -> Words:
    return command(speech, "import", import_, _directory(), json_option(speech))


COMMANDS = {"export": _export, "import": _import}
