"""`user`: who may sign in at the pages."""

import csv
from pathlib import Path
from typing import Final
from urllib.parse import quote

import click

from agent.cli.link import daemon_of, read_secret
from agent.cli.tree import Context
from agent.web.shapes import Done, NewPin, NewUser, NewUsers, UserList
from console.speech import EXIT_USAGE, Speech
from console.table import print_table
from console.words import WordsGroup, command, group, json_option
from wire.problems import Refusal

ROLES: Final = ("clerk", "supervisor", "technician")
CSV_HEADER: Final = ["name", "role", "display", "pin"]


def add(context: Context, *, name: str, role: str, display: str, pin: str) -> None:
    """Add one user."""
    user = NewUser(name=name, role=role, display=display, pin=read_secret(pin))
    daemon_of(context).post("/api/users", NewUsers((user,)), Done)
    context.speech.tell(context.speech("user.added", name=name))


def set_pin(context: Context, *, name: str, pin: str) -> None:
    """Give a user a new PIN."""
    target = f"/api/users/{quote(name, safe='')}/pin"
    daemon_of(context).post(target, NewPin(read_secret(pin)), Done)
    context.speech.tell(context.speech("user.pin-set", name=name))


def disable(context: Context, *, name: str) -> None:
    """End a user's right to sign in."""
    daemon_of(context).post(f"/api/users/{quote(name, safe='')}/disable", {}, Done)
    context.speech.tell(context.speech("user.disabled", name=name))


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


def import_users(context: Context, *, file: Path) -> None:
    """Add the users of a file: all of them, or none."""
    users = _read_csv(context.speech, file)
    daemon_of(context).post("/api/users", NewUsers(users), Done)
    context.speech.tell(context.speech("user.imported", count=len(users)))


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
    return group(
        speech,
        "user",
        {
            "add": lambda s: command(s, "add", add, name, role, display, pin, key="user-add"),
            "pin": lambda s: command(s, "pin", set_pin, name, pin, key="user-pin"),
            "list": lambda s: command(s, "list", list_users, json_option(s), key="user-list"),
            "disable": lambda s: command(s, "disable", disable, name, key="user-disable"),
            "import": lambda s: command(s, "import", import_users, file, key="user-import"),
        },
    )


COMMANDS = {"user": _user}
