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

from server import exchange as room
from tests.server.province import FakeClock, Seen, make_config, open_province


def die(*_args: object, **_kwargs: object) -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


async def main(folder: str, database: str, message: bytes, point: str) -> None:
    """Exchange one message and die: before the commit, or after it and before the reply."""
    ctx = await open_province(
        make_config(Path(folder), database or None), FakeClock(), Seen(), migrating=False
    )
    if point == "after-commit":
        room.seal = die  # type: ignore[attr-defined,assignment]
    else:

        @event.listens_for(ctx.store.engine.sync_engine, "commit")
        def committing(connection: Connection) -> None:
            if not connection.get_execution_options().get("commune_read", False):
                die()

    await room.exchange(message, ctx)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_bytes(), sys.argv[4]))
