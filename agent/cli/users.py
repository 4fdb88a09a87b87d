"""`user`: who may sign in at the pages."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

import click

from agent.cli.link import daemon_of, read_secret
from agent.cli.tree import Context
from agent.web.shapes import Done, NewPin, NewUser, NewUsers, UserList
from console.speech import EXIT_USAGE, Speech
from console.table import print_table
from console.words import Words, WordsGroup, command, group, json_option
from wire.problems import Refusal

ROLES: Final = ("clerk", "supervisor", "technician")
CSV_HEADER: Final = ["name", "role", "display", "pin"]


def add(context: Context, *, name: str, role: str, display: str, pin: str, as_json: bool) -> None:
    """Add one user."""
    user = NewUser(name=name, role=role, display=display, pin=read_secret(pin))
    done = daemon_of(context).post("/api/users", NewUsers((user,)), Done)
    _tell(context.speech, done, as_json, context.speech("user.added", name=name))


def set_pin(context: Context, *, name: str, pin: str, as_json: bool) -> None:
    """Give a user a new PIN."""
    target = f"/api/users/{quote(name, safe='')}/pin"
    done = daemon_of(context).post(target, NewPin(read_secret(pin)), Done)
    _tell(context.speech, done, as_json, context.speech("user.pin-set", name=name))


def disable(context: Context, *, name: str, as_json: bool) -> None:
    """End a user's right to sign in."""
    done = daemon_of(context).post(f"/api/users/{quote(name, safe='')}/disable", {}, Done)
    _tell(context.speech, done, as_json, context.speech("user.disabled", name=name))


def list_users(context: Context, *, as_json: bool) -> None:
    """Print the users."""
    speech = context.speech
    users = daemon_of(context).get("/api/users", UserList)
    if as_json:
        speech.print_json(users)
        return
    headings = [speech(f"user.{word}") for word in ("name", "role", "display", "active")]
    rows = [
        (u.name, u.role, u.display, speech("user.yes" if u.active else "user.no"))
        for u in users.items
    ]
    print_table(headings, rows)


def import_users(context: Context, *, file: Path, as_json: bool) -> None:
    """Add the users of a file: all of them, or none."""
    users = _read_csv(context.speech, file)
    done = daemon_of(context).post("/api/users", NewUsers(users), Done)
    _tell(context.speech, done, as_json, context.speech("user.imported", count=len(users)))


def _tell(speech: Speech, done: Done, as_json: bool, message: str) -> None:
    """Say that it is done: as a result for programs, else as a message for people."""
    if as_json:
        speech.print_json(done)
    else:
        speech.tell(message)


def _read_csv(speech: Speech, file: Path) -> tuple[NewUser, ...]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            if list(rows.fieldnames or ()) != CSV_HEADER:
                speech.tell(f"{file}: {speech('user.csv-header')}")
                raise SystemExit(EXIT_USAGE)
            return tuple(NewUser(**{name: row[name] or "" for name in CSV_HEADER}) for row in rows)
    except (OSError, UnicodeDecodeError) as error:
        speech.refuse(Refusal("file-unreadable", f"{file}: {error}"))


def _user(speech: Speech) -> WordsGroup:
    name = click.Argument(["name"], metavar="NAME")
    role = click.Option(
        ["--role"], type=click.Choice(ROLES), required=True, help=speech("option.role")
    )
    display = click.Option(["--display"], default="", metavar="TEXT", help=speech("option.display"))
    pin = click.Option(["--pin"], required=True, metavar="PIN|-", help=speech("option.pin"))
    file = click.Argument(["file"], type=click.Path(path_type=Path), metavar="FILE.csv")
    takes: dict[str, tuple[Callable[..., None], tuple[click.Parameter, ...]]] = {
        "add": (add, (name, role, display, pin)),
        "pin": (set_pin, (name, pin)),
        "list": (list_users, ()),
        "disable": (disable, (name,)),
        "import": (import_users, (file,)),
    }

    def made(word: str) -> Callable[[Speech], Words]:
        run, params = takes[word]
        return lambda s: command(s, word, run, *params, json_option(s), key=f"user-{word}")

    return group(speech, "user", {word: made(word) for word in takes})


COMMANDS = {"user": _user}
