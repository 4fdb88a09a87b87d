"""`user add | list | password | disable`: people of the province."""

from __future__ import annotations

import sys

import click

from console.speech import EXIT_USAGE, Speech
from console.table import print_table
from console.words import Words, WordsGroup, command, group, json_option
from server import users
from server.cli.opening import Context, run
from server.context import ServerContext
from wire.event import format_time

PASSWORD_CHARS_MIN = 10


def add(
    context: Context, *, name: str, role: users.Role, password: str | None, as_json: bool
) -> None:
    """Make a person or give one a new password, asked for twice where none is piped in."""
    speech = context.speech
    chosen = _chosen(speech, password)
    run(context, lambda ctx: users.add(ctx, name=name, role=role, password=chosen))
    _done(speech, speech("user.added", name=name, role=role), as_json=as_json)


def change(context: Context, *, name: str, password: str | None, as_json: bool) -> None:
    """Give a person a new password; whoever is signed in under the name is signed out."""
    speech = context.speech
    chosen = _chosen(speech, password)
    run(context, lambda ctx: users.set_password(ctx, name, chosen))
    _done(speech, speech("user.password-set", name=name), as_json=as_json)


def disable(context: Context, *, name: str, as_json: bool) -> None:
    """Let a person in no more; whoever is signed in under the name is signed out."""
    run(context, lambda ctx: users.disable(ctx, name))
    _done(context.speech, context.speech("user.disabled", name=name), as_json=as_json)


def show(context: Context, *, as_json: bool) -> None:
    """List everybody, those who are disabled too."""
    speech = context.speech

    async def work(ctx: ServerContext) -> list[users.Listed]:
        async with ctx.store.read() as conn:
            return await users.listed(conn)

    rows = [
        {
            "name": each.name,
            "role": each.role,
            "created_at": format_time(each.created_ms),
            "disabled_at": None if each.disabled_ms is None else format_time(each.disabled_ms),
        }
        for each in run(context, work)
    ]
    if as_json:
        speech.print_json({"users": rows})
    else:
        words = ("name", "role", "created", "disabled-at")
        print_table([speech(f"user.{word}") for word in words], [[*row.values()] for row in rows])


def _chosen(speech: Speech, password: str | None) -> str:
    """Return the password given, piped in or asked for; exits with 2 when it is too short."""
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
    return password


def _done(speech: Speech, said: str, *, as_json: bool) -> None:
    if as_json:
        speech.print_json({"ok": True})
    else:
        speech.tell(said)


def _password(speech: Speech) -> click.Option:
    return click.Option(["--password"], help=speech("option.password"))


def _add(speech: Speech) -> Words:
    return command(
        speech,
        "add",
        add,
        click.Argument(["name"]),
        click.Option(
            ["--role"], type=click.Choice(users.ROLES), required=True, help=speech("option.role")
        ),
        _password(speech),
        json_option(speech),
        key="user-add",
    )


def _list(speech: Speech) -> Words:
    return command(speech, "list", show, json_option(speech), key="user-list")


def _change(speech: Speech) -> Words:
    words = (click.Argument(["name"]), _password(speech), json_option(speech))
    return command(speech, "password", change, *words, key="user-password")


def _disable(speech: Speech) -> Words:
    name = click.Argument(["name"])
    return command(speech, "disable", disable, name, json_option(speech), key="user-disable")


def _user(speech: Speech) -> WordsGroup:
    members = {"add": _add, "list": _list, "password": _change, "disable": _disable}
    return group(speech, "user", members)


COMMANDS = {"user": _user}
