"""`offices list`: who belongs to the province."""

from __future__ import annotations

from uuid import UUID

from console.speech import Speech
from console.table import print_table
from console.words import Words, WordsGroup, command, group, json_option
from server import offices
from server.cli.opening import Context, run
from server.context import ServerContext


def show(context: Context, *, as_json: bool) -> None:
    """List all offices by code."""

    async def work(ctx: ServerContext) -> list[offices.Office]:
        async with ctx.store.read() as conn:
            return await offices.every(conn)

    found = run(context, work)
    rows = [
        {"office": office.code, "office_id": str(UUID(bytes=office.office_id)), "name": office.name}
        for office in sorted(found, key=lambda office: office.code)
    ]
    if as_json:
        context.speech.print_json({"offices": rows})
    else:
        headings = [context.speech(f"offices.{key}") for key in ("code", "id", "name")]
        print_table(headings, [list(row.values()) for row in rows])


def _list(speech: Speech) -> Words:
    return command(speech, "list", show, json_option(speech), key="offices-list")


def _offices(speech: Speech) -> WordsGroup:
    return group(speech, "offices", {"list": _list})


COMMANDS = {"offices": _offices}
