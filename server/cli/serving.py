"""`run` and `migrate`."""

from __future__ import annotations

import sys

from console.logs import configure, show_faults
from console.speech import Speech
from console.words import Words, command, json_option
from server.cli.opening import Context, settings, telling
from server.main import open_database
from server.main import run as serve
from server.store.migrate import migrate


def run(context: Context) -> None:
    """Serve in the foreground until SIGINT or SIGTERM."""
    configure(sys.stderr)
    show_faults()
    config = settings(context)
    telling(context.speech, config, lambda: serve(config))


def bring_up_to_date(context: Context, *, as_json: bool) -> None:
    """Bring the database to this version's schema; running it again changes nothing."""
    config = settings(context)

    async def work() -> str:
        config.data_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        store = await open_database(config, migrating=True)
        try:
            return await migrate(store)
        finally:
            await store.close()

    revision = telling(context.speech, config, work)
    if as_json:
        context.speech.print_json({"ok": True, "revision": revision})
    else:
        context.speech.tell(context.speech("store.migrated", revision=revision))


def _run(speech: Speech) -> Words:
    return command(speech, "run", run)


def _migrate(speech: Speech) -> Words:
    return command(speech, "migrate", bring_up_to_date, json_option(speech))


COMMANDS = {"run": _run, "migrate": _migrate}
