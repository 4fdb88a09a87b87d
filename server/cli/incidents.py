"""`incidents list | settle`: what a person has to look at, and that somebody did."""

from __future__ import annotations

import click

from console.speech import EXIT_USAGE, Speech
from console.table import print_table
from console.words import Words, WordsGroup, command, group, json_option
from server import incidents
from server.cli.opening import Context, run
from server.context import ServerContext
from wire.event import format_time


def show(context: Context, *, only_open: bool, as_json: bool) -> None:
    """List incidents, the newest first."""
    speech = context.speech

    async def work(ctx: ServerContext) -> list[incidents.Listed]:
        async with ctx.store.read() as conn:
            return await incidents.listed(conn, only_open=only_open)

    rows = [_row(each) for each in run(context, work)]
    if as_json:
        speech.print_json({"incidents": rows})
    else:
        words = ("incident", "office", "kind", "device", "detail", "at", "settled", "note")
        headings = [speech(f"incidents.{word}") for word in words]
        print_table(headings, [[*row.values()] for row in rows])


def settle(context: Context, *, incident: str, note: str, as_json: bool) -> None:
    """Note that a person looked at an incident, and what they found."""
    speech = context.speech
    found = note.strip()
    if not found:
        speech.tell(speech("incidents.note-missing"))
        raise SystemExit(EXIT_USAGE)
    done = run(context, lambda ctx: incidents.settle(ctx, incident, found))
    if as_json:
        speech.print_json({"ok": True, **_row(done)})
        return
    key = "box-accepted" if done.kind == incidents.BOX_CHANGED else "done"
    words = {"kind": done.kind, "office": done.office, "device": done.device or ""}
    speech.tell(speech(f"incidents.{key}", **words))


def _row(each: incidents.Listed) -> dict[str, str | None]:
    return {
        "incident": each.incident,
        "office": each.office,
        "kind": each.kind,
        "device": each.device,
        "detail": each.detail,
        "at": format_time(each.at_ms),
        "settled_at": None if each.settled_ms is None else format_time(each.settled_ms),
        "note": each.note,
    }


def _list(speech: Speech) -> Words:
    only_open = click.Option(["--open", "only_open"], is_flag=True, help=speech("option.open"))
    return command(speech, "list", show, only_open, json_option(speech), key="incidents-list")


def _settle(speech: Speech) -> Words:
    return command(
        speech,
        "settle",
        settle,
        click.Argument(["incident"], metavar="ID"),
        click.Option(["--note"], required=True, metavar="TEXT", help=speech("option.note")),
        json_option(speech),
        key="incidents-settle",
    )


def _incidents(speech: Speech) -> WordsGroup:
    return group(speech, "incidents", {"list": _list, "settle": _settle})


COMMANDS = {"incidents": _incidents}
