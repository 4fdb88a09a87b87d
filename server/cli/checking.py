"""`verify`, `rebuild` and `backup`: is everything there, build anew, copy."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from console.speech import EXIT_DAMAGED, Speech
from console.words import Words, command, json_option
from server import checking, copying, rebuilding
from server.cli.opening import Context, run, settings, telling


def verify(context: Context, *, as_json: bool) -> None:
    """Check every journal; exits with 4 when one is damaged."""
    speech = context.speech
    found = run(context, checking.verify)
    if as_json:
        speech.print_json(found)
    else:
        speech.tell(
            speech(
                "verify.looked", journals=found.journals, events=found.events, signed=found.signed
            )
        )
        for damage in found.damaged:
            what = speech(f"verify.{damage.what}")
            speech.tell(
                speech(
                    f"verify.{damage.side}",
                    office=damage.office,
                    journal=damage.journal,
                    seq=damage.seq,
                    what=what,
                )
            )
        speech.tell(speech("verify.good" if found.ok else "verify.damaged"))
    if not found.ok:
        raise SystemExit(EXIT_DAMAGED)


def rebuild(context: Context, *, as_json: bool) -> None:
    """Build everything that is derived from the events anew."""
    speech = context.speech
    count = run(context, rebuilding.rebuild)
    if as_json:
        speech.print_json({"ok": True, "events": count})
    else:
        speech.tell(speech("rebuild.done", events=count))


def backup(context: Context, *, file: Path, as_json: bool) -> None:
    """Copy the embedded database to a file that must not be there yet."""
    speech, config = context.speech, settings(context)

    async def work() -> int:
        return await asyncio.to_thread(copying.backup, config, file)

    size = telling(speech, config, work)
    if as_json:
        speech.print_json({"ok": True, "file": str(file), "bytes": size})
    else:
        speech.tell(speech("backup.done", file=file, bytes=size))


def _verify(speech: Speech) -> Words:
    return command(speech, "verify", verify, json_option(speech))


def _rebuild(speech: Speech) -> Words:
    return command(speech, "rebuild", rebuild, json_option(speech))


def _backup(speech: Speech) -> Words:
    target = click.Argument(["file"], type=click.Path(path_type=Path, dir_okay=False))
    return command(speech, "backup", backup, target, json_option(speech))


COMMANDS = {"verify": _verify, "rebuild": _rebuild, "backup": _backup}
