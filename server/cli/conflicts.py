"""`conflicts list | resolve`: what offices and the province say differently of one dossier."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from console.speech import EXIT_USAGE, Speech
from console.table import print_table
from console.words import Words, WordsGroup, command, group, json_option
from records.values import Holder
from server import conflicts, offices
from server.cli.opening import Context, run
from server.context import ServerContext


def show(context: Context, *, office: str | None, as_json: bool) -> None:
    """List open conflicts, the newest first."""
    speech = context.speech

    async def work(ctx: ServerContext) -> list[conflicts.Open]:
        async with ctx.store.read() as conn:
            chosen = None if office is None else (await offices.named(conn, office)).office_id
            return await conflicts.listed(conn, chosen)

    rows = [_row(one) for one in run(context, work)]
    if as_json:
        speech.print_json({"conflicts": rows})
        return
    words = ("conflict", "office", "dossier", "field", "stands", "other")
    headings = [speech(f"conflicts.{word}") for word in words]
    print_table(headings, [_cells(row) for row in rows])


def resolve(
    context: Context, *, conflict: str, keep: Holder, reason: str, by: str | None, as_json: bool
) -> None:
    """Settle one conflict and tell the office."""
    speech = context.speech
    if not reason.strip():
        speech.tell(speech("conflicts.reason-missing"))
        raise SystemExit(EXIT_USAGE)

    done = run(context, lambda ctx: conflicts.settle(ctx, conflict, keep, reason.strip(), by))
    if as_json:
        speech.print_json({"ok": True, "kept": keep, **_row(done)})
    else:
        dossier = done.code or done.book or done.dossier
        speech.tell(speech("conflicts.done", office=done.office, dossier=dossier))


def _row(one: conflicts.Open) -> dict[str, Any]:
    item = msgspec.to_builtins(one.item)
    return {
        "conflict": item.pop("id"),
        "office": one.office,
        "dossier": one.dossier,
        "code": one.code,
        "book": one.book,
        **item,
    }


def _cells(row: dict[str, Any]) -> list[str]:
    values = [_value(row[side]) for side in ("stands", "other")]
    named = row["code"] or row["book"] or row["dossier"]
    return [row["conflict"], row["office"], named, row["field"], *values]


def _value(value: dict[str, Any]) -> str:
    parts = (value["value"], value["keep"], value["by"], value["at"])
    return ", ".join(part for part in parts if part)


def _list(speech: Speech) -> Words:
    office = click.Option(["--office"], metavar="CODE", help=speech("option.one-office"))
    return command(speech, "list", show, office, json_option(speech), key="conflicts-list")


def _resolve(speech: Speech) -> Words:
    return command(
        speech,
        "resolve",
        resolve,
        click.Argument(["conflict"], metavar="ID"),
        click.Option(
            ["--keep"],
            type=click.Choice(["office", "province"]),
            required=True,
            help=speech("option.keep"),
        ),
        click.Option(["--reason"], required=True, metavar="TEXT", help=speech("option.reason")),
        click.Option(["--by"], metavar="NAME", help=speech("option.by")),
        json_option(speech),
        key="conflicts-resolve",
    )


def _conflicts(speech: Speech) -> WordsGroup:
    return group(speech, "conflicts", {"list": _list, "resolve": _resolve})


COMMANDS = {"conflicts": _conflicts}
