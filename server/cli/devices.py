"""`devices list | approve | revoke`: the boxes of the offices, and which of them may work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import click

from console.speech import Speech
from console.table import print_table
from console.words import Words, WordsGroup, command, group, json_option
from server import devices, enrolment
from server.cli.opening import Context, run
from server.context import ServerContext
from wire.event import format_time

Change = Callable[[ServerContext, bytes], Awaitable[object]]


def show(context: Context, *, as_json: bool) -> None:
    """List every device that ever enrolled, by office."""
    speech = context.speech

    async def work(ctx: ServerContext) -> list[devices.Listed]:
        async with ctx.store.read() as conn:
            return await devices.every(conn)

    rows = [
        {
            "device": each.device,
            "office": each.office,
            "name": each.name,
            "state": each.state,
            "enrolled_at": format_time(each.enrolled_ms),
            "last_seen_at": None if each.seen_ms is None else format_time(each.seen_ms),
        }
        for each in run(context, work)
    ]
    if as_json:
        speech.print_json({"devices": rows})
    else:
        words = ("device", "office", "name", "state", "enrolled", "seen")
        print_table([speech(f"devices.{word}") for word in words], [[*r.values()] for r in rows])


def approve(context: Context, *, device: str, as_json: bool) -> None:
    """Let a pending device work; one that works already is left as it is."""
    _change(context, device, enrolment.approve, "devices.approved", as_json=as_json)


def revoke(context: Context, *, device: str, as_json: bool) -> None:
    """End a device's right to speak, for good; one that is revoked already is left as it is."""
    _change(context, device, enrolment.revoke, "devices.revoked", as_json=as_json)


def _change(context: Context, device: str, change: Change, said: str, *, as_json: bool) -> None:
    async def work(ctx: ServerContext) -> devices.Listed:
        async with ctx.store.read() as conn:
            found = await devices.named(conn, device)
        await change(ctx, found.device_id)
        return found

    found = run(context, work)
    if as_json:
        context.speech.print_json({"ok": True, "device": found.device, "office": found.office})
    else:
        words = {"device": found.device, "office": found.office, "name": found.name}
        context.speech.tell(context.speech(said, **words))


def _list(speech: Speech) -> Words:
    return command(speech, "list", show, json_option(speech), key="devices-list")


def _approve(speech: Speech) -> Words:
    device = click.Argument(["device"], metavar="DEVICE")
    return command(speech, "approve", approve, device, json_option(speech), key="devices-approve")


def _revoke(speech: Speech) -> Words:
    device = click.Argument(["device"], metavar="DEVICE")
    return command(speech, "revoke", revoke, device, json_option(speech), key="devices-revoke")


def _devices(speech: Speech) -> WordsGroup:
    return group(speech, "devices", {"list": _list, "approve": _approve, "revoke": _revoke})


COMMANDS = {"devices": _devices}
