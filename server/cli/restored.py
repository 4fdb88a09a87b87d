"""`restored`: to be run once after the database was put back from a copy."""

from __future__ import annotations

import click

from console.progress import bar
from console.speech import Speech
from console.words import Words, command, json_option
from server import restoring
from server.cli.opening import Context, run
from server.context import ServerContext
from server.restoring import Restored
from wire.event import format_time


def restored(context: Context, *, again: bool, as_json: bool) -> None:
    """Shut every desk journal, end every session, let each device show any turn at first."""
    speech = context.speech

    async def work(ctx: ServerContext) -> Restored:
        async with ctx.store.read() as conn:
            total = await restoring.offices_count(conn)
        with bar(speech("restored.offices"), total) as tell:
            return await restoring.restore(ctx, lambda done, _of: tell(done), again=again)

    done = run(context, work)
    at = None if done.already is None else format_time(done.already)
    if as_json:
        speech.print_json(
            {
                "ok": True,
                "offices": done.offices,
                "devices": done.devices,
                "revoked": done.revoked,
                "already": at,
            }
        )
    elif at is not None:
        speech.tell(speech("restored.already", at=at))
    else:
        speech.tell(
            speech(
                "restored.done",
                offices=done.offices,
                devices=done.devices,
                revoked=done.revoked,
            )
        )


def _restored(speech: Speech) -> Words:
    again = click.Option(["--again"], is_flag=True, help=speech("option.again"))
    return command(speech, "restored", restored, again, json_option(speech))


COMMANDS = {"restored": _restored}
