"""The daemon, wired: the one place where time, randomness, paths and environment enter."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Final

import structlog

from agent import keys
from agent.clock import SystemClock
from agent.config import Config
from agent.daemon import Daemon, derived
from agent.fallen import only_refusal, tell
from agent.journal import Journal
from agent.locks import DataLock
from agent.memory import give_back
from agent.notify import Notifier
from agent.reserve import Reserve
from agent.supervisor import stop_on_signals
from agent.views.projector import Views
from agent.web.serve import Listeners, open_listeners
from agent.web.sockets import SocketTaken
from wire.problems import Refusal

_log = structlog.get_logger("agent")

EXIT_STOPPED: Final = 0
SWITCH_S: Final = 0.0005
"""The writer's thread lets go of the interpreter for each statement, and gets it back from a busy
loop after this long at the latest; five milliseconds, as is usual, are 5 to 8 % of a stream."""


def run(config: Config) -> int:
    """Run the daemon until it is told to stop; return its exit code.

    Refusals to start are told on stderr with what to do: 4 wrong key or damaged journal, 1 newer
    schema or another daemon, 2 an address that cannot be listened on.
    """
    give_back()
    sys.setswitchinterval(SWITCH_S)
    try:
        with DataLock(config.data_dir):
            return asyncio.run(_run(config, os.environ))
    except Refusal as refusal:
        tell(refusal)
        return refusal.type.exit
    except BaseExceptionGroup as fallen:
        refused = only_refusal(fallen)
        if refused is None:
            raise
        tell(refused)
        return refused.type.exit


async def _run(config: Config, environment: Mapping[str, str]) -> int:
    stop = asyncio.Event()
    stop_on_signals(stop)
    try:
        listeners = open_listeners(config, own_directory=_own_directory(config))
    except SocketTaken as taken:
        raise Refusal("daemon-running", str(taken)) from None
    try:
        await _serve(config, listeners, stop, Notifier(environment))
    finally:
        with contextlib.suppress(FileNotFoundError):
            config.api.socket.unlink()
    return EXIT_STOPPED


async def _serve(
    config: Config, listeners: Listeners, stop: asyncio.Event, notifier: Notifier
) -> None:
    key = keys.read_journal_key(config.keys_dir, fresh=not config.database.exists())
    enrolment = keys.read_enrolment(config.keys_dir)
    clock = SystemClock()
    views = Views(derived(key, b"commune/person/1"))
    reserve = Reserve(config.data_dir)
    reserve.make()
    journal = await Journal.open(
        config.database,
        key,
        identity=enrolment.identity if enrolment else None,
        projector=views,
        clock=clock,
        reserve=reserve,
    )
    _log.info(
        "started",
        office=config.office,
        version=version("commune"),
        head=journal.head.seq,
        delivered=journal.delivered.seq,
        enrolled=enrolment is not None,
    )
    try:
        daemon = Daemon(
            config=config, key=key, clock=clock, views=views, journal=journal, notifier=notifier
        )
        await daemon.run(enrolment, listeners, stop)
    finally:
        notifier.stopping()
        await journal.close()
        _log.info("stopped", head=journal.head.seq, delivered=journal.delivered.seq)


def _own_directory(config: Config) -> bool:
    """Whether the socket's directory is the agent's own: it holds its data and its keys too."""
    parent = config.api.socket.parent
    return parent == config.data_dir or parent == config.data_dir.parent == config.keys_dir.parent
