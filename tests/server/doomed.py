"""A province that kills itself at a chosen point of an exchange; run by test_crash.

Arguments: the province's folder, its database address, the file with one message, the point.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from sqlalchemy import Connection, event

import server.exchange
from server.exchange import exchange
from tests.server.province import FakeClock, Seen, make_config, open_province


def die(*_args: object, **_kwargs: object) -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


async def main(folder: str, database: str, message: str, point: str) -> None:
    """Exchange one message and die: before the commit, or after it and before the reply."""
    ctx = await open_province(
        make_config(Path(folder), database or None), FakeClock(), Seen(), migrating=False
    )
    if point == "after-commit":
        server.exchange.seal = die  # type: ignore[assignment]
    else:

        @event.listens_for(ctx.store.engine.sync_engine, "commit")
        def committing(connection: Connection) -> None:
            if not connection.get_execution_options().get("commune_read", False):
                die()

    await exchange(Path(message).read_bytes(), ctx)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
