"""`quarantine list | accept | release`: what a person does about a device that is not believed."""

from __future__ import annotations

import click
import msgspec

from console.speech import EXIT_USAGE, Speech
from console.table import print_table
from console.words import Words, WordsGroup, command, group, json_option
from server import devices, settling
from server.cli.opening import Context, run
from server.context import ServerContext


def show(context: Context, *, as_json: bool) -> None:
    """List the devices in quarantine, and what lies aside."""
    speech = context.speech

    async def work(ctx: ServerContext) -> list[settling.Listed]:
        async with ctx.store.read() as conn:
            return await settling.listed(conn)

    rows = [msgspec.to_builtins(each) for each in run(context, work)]
    if as_json:
        speech.print_json({"quarantine": rows})
        return
    words = ("device", "office", "state", "journal", "events", "heads")
    shown = [[*[*row.values()][:-1], ", ".join(map(str, row["heads"]))] for row in rows]
    print_table([speech(f"quarantine.{word}") for word in words], shown)


def accept(context: Context, *, device: str, note: str, as_json: bool) -> None:
    """Believe a device again, and take in what lies aside and leads on."""
    found_note = _note(context, note)

    async def work(ctx: ServerContext) -> tuple[devices.Listed, int]:
        found = await _named(ctx, device)
        return found, await settling.accept(ctx, found.device_id, found_note)

    found, events = run(context, work)
    _tell(context, "accepted", found, as_json=as_json, events=events)


def release(context: Context, *, device: str, note: str, as_json: bool) -> None:
    """Let a device go on in one more journal, entering anew what only it has."""
    found_note = _note(context, note)

    async def work(ctx: ServerContext) -> devices.Listed:
        found = await _named(ctx, device)
        await settling.release(ctx, found.device_id, found_note)
        return found

    _tell(context, "released", run(context, work), as_json=as_json)


def _note(context: Context, note: str) -> str:
    found = note.strip()
    if not found:
        context.speech.tell(context.speech("incidents.note-missing"))
        raise SystemExit(EXIT_USAGE)
    return found


async def _named(ctx: ServerContext, device: str) -> devices.Listed:
    async with ctx.store.read() as conn:
        return await devices.named(conn, device)


def _tell(
    context: Context, word: str, found: devices.Listed, *, as_json: bool, events: int = 0
) -> None:
    facts = {"device": found.device, "office": found.office, "events": events}
    if as_json:
        context.speech.print_json({"ok": True, **facts})
    else:
        context.speech.tell(context.speech(f"quarantine.{word}", **facts))


def _list(speech: Speech) -> Words:
    return command(speech, "list", show, json_option(speech), key="quarantine-list")


def _accept(speech: Speech) -> Words:
    return command(speech, "accept", accept, *_words(speech), key="quarantine-accept")


def _release(speech: Speech) -> Words:
    return command(speech, "release", release, *_words(speech), key="quarantine-release")


def _words(speech: Speech) -> tuple[click.Parameter, ...]:
    return (
        click.Argument(["device"], metavar="DEVICE"),
        click.Option(["--note"], required=True, metavar="TEXT", help=speech("option.note")),
        json_option(speech),
    )


def _quarantine(speech: Speech) -> WordsGroup:
    parts = {"list": _list, "accept": _accept, "release": _release}
    return group(speech, "quarantine", parts)


COMMANDS = {"quarantine": _quarantine}
