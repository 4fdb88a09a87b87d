"""From a seed to an outcome: one world begins, is troubled, is left in peace, and is judged."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from tests.simulation import clock
from tests.simulation.accounts import Broken
from tests.simulation.clock import Stuck, VirtualLoop
from tests.simulation.device import simulated_machine
from tests.simulation.disk import simulated_disks
from tests.simulation.inline import without_threads
from tests.simulation.life import tasks_know_their_owner
from tests.simulation.moves import trouble
from tests.simulation.template import template
from tests.simulation.world import DEVICES, World

SHARED_MEMORY = Path("/dev/shm")


@dataclass
class Outcome:
    """What became of a seed."""

    seed: int
    broken: str | None
    trace: list[str]
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def digest(self) -> str:
        """Names the whole course of the world."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()[:16]


def run(seed: int, *, switched_on: frozenset[str] = frozenset()) -> Outcome:
    """Let one world happen and judge it; `switched_on` are happenings that are off by default."""
    for count in sorted(set(DEVICES)):
        template(count)
    begin = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=begin)))
        for surroundings in (without_threads, simulated_disks, simulated_machine):
            stack.enter_context(surroundings())
        stack.enter_context(structlog.testing.capture_logs())
        # The pool complains of connections that died with their program.
        logging.getLogger("sqlalchemy.pool").addHandler(logging.NullHandler())
        return clock.run(lambda loop: _happen(seed, folder, loop, switched_on))


async def _happen(
    seed: int, folder: Path, loop: VirtualLoop, switched_on: frozenset[str]
) -> Outcome:
    tasks_know_their_owner(loop)
    world = World(seed, folder, loop)
    broken: str | None = None
    try:
        await world.start_province()
        for device in world.devices:
            await world.start_device(device)
        await trouble(world, switched_on)
        await world.leave_in_peace()
        world.oracle.judge()
        world.log("judged")
    except (Broken, Stuck) as found:
        broken = str(found)
        world.log(f"broken: {broken}")
    finally:
        for device in world.devices:
            device.die("kill")
            await device.bury()
        world.province.die("kill")
        await world.province.bury()
    return Outcome(seed, broken, world.trace, world.counts)
