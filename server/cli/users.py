"""`user add`: people of the province."""

from __future__ import annotations

import sys

import click

from console.speech import EXIT_USAGE, Speech
from console.words import Words, WordsGroup, command, group, json_option
from server import users
from server.cli.opening import Context, run

PASSWORD_CHARS_MIN = 10


def add(
    context: Context, *, name: str, role: users.Role, password: str | None, as_json: bool
) -> None:
    """Make a person or give one a new password, asked for twice where none is piped in."""
    speech = context.speech
    if password == "-":  # noqa: S105 - the sign for standard input
        password = sys.stdin.readline().rstrip("\n")
    if password is None:
        password = str(
            click.prompt(
                speech("user.password"), hide_input=True, confirmation_prompt=True, err=True
            )
        )
    if len(password) < PASSWORD_CHARS_MIN:
        speech.tell(speech("user.password-short", min=PASSWORD_CHARS_MIN))
        raise SystemExit(EXIT_USAGE)
    chosen = password
    run(context, lambda ctx: users.add(ctx, name=name, role=role, password=chosen))
    if as_json:
        speech.print_json({"ok": True})
    else:
        speech.tell(speech("user.added", name=name, role=role))


def _add(speech: Speech) -> Words:
    return command(
        speech,
        "add",
        add,
        click.Argument(["name"]),
        click.Option(
            ["--role"], type=click.Choice(users.ROLES), required=True, help=speech("option.role")
        ),
        click.Option(["--password"], help=speech("option.password")),
        json_option(speech),
        key="user-add",
    )


def _user(speech: Speech) -> WordsGroup:
    return group(speech, "user", {"add": _add})


COMMANDS = {"user": _user}
