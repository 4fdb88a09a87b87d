"""`token create | list | revoke`: who may read what."""

from __future__ import annotations

from datetime import datetime, time

import click

from console.speech import EXIT_REFUSED, Speech
from console.table import print_table
from console.words import Words, WordsGroup, command, group, json_option
from records.calendar import OFFICE_ZONE
from server import tokens
from server.cli.opening import Context, run
from server.context import ServerContext
from wire.event import format_time


def create(context: Context, *, scope: tokens.Scope, name: str, expires: datetime | None) -> None:
    """Make a token and print it once; `expires` is its last day, in office time."""
    expires_ms = None
    if expires is not None:
        last = datetime.combine(expires.date(), time(23, 59, 59), OFFICE_ZONE)
        expires_ms = int(last.timestamp()) * 1000 + 999
    text = run(
        context, lambda ctx: tokens.create(ctx, scope=scope, name=name, expires_ms=expires_ms)
    )
    context.speech.print_json({"token": text, "scope": scope})


def show(context: Context, *, as_json: bool) -> None:
    """List all tokens, without their texts."""
    speech = context.speech

    async def work(ctx: ServerContext) -> list[tokens.Token]:
        async with ctx.store.read() as conn:
            return await tokens.listed(conn)

    found = run(context, work)
    rows = [
        {
            "name": token.name,
            "scope": token.scope,
            "created_at": format_time(token.created_ms),
            "expires_at": token.expires_ms and format_time(token.expires_ms),
            "revoked_at": token.revoked_ms and format_time(token.revoked_ms),
        }
        for token in found
    ]
    if as_json:
        speech.print_json({"tokens": rows})
    else:
        headings = [
            speech(f"token.{key}") for key in ("name", "scope", "created", "expires", "revoked")
        ]
        print_table(headings, [list(row.values()) for row in rows])


def revoke(context: Context, *, name: str, as_json: bool) -> None:
    """End every token of a name; exits with 1 where there is none."""
    count = run(context, lambda ctx: tokens.revoke(ctx, name))
    if as_json:
        context.speech.print_json({"ok": count > 0, "revoked": count})
    else:
        context.speech.tell(context.speech("token.ended", count=count, name=name))
    if count == 0:
        raise SystemExit(EXIT_REFUSED)


def _create(speech: Speech) -> Words:
    return command(
        speech,
        "create",
        create,
        click.Option(
            ["--scope"],
            type=click.Choice(tokens.SCOPES),
            required=True,
            help=speech("option.scope"),
        ),
        click.Option(["--name"], required=True, help=speech("option.token-name")),
        click.Option(
            ["--expires"], type=click.DateTime(["%Y-%m-%d"]), help=speech("option.expires")
        ),
        # A result is always JSON here: the token is there once, for a program or to be copied.
        click.Option(["--json"], is_flag=True, expose_value=False, help=speech("option.json")),
        key="token-create",
    )


def _list(speech: Speech) -> Words:
    return command(speech, "list", show, json_option(speech), key="token-list")


def _revoke(speech: Speech) -> Words:
    name = click.Argument(["name"])
    return command(speech, "revoke", revoke, name, json_option(speech), key="token-revoke")


def _token(speech: Speech) -> WordsGroup:
    return group(speech, "token", {"create": _create, "list": _list, "revoke": _revoke})


COMMANDS = {"token": _token}
