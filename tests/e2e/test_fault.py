"""A daemon that a library ends leaves the place of it in the log, and goes on when started."""

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.exactly_once import realistic
from tests.e2e.world import Program, World


@pytest.mark.parametrize("which", ["agent", "server"])
def test_a_fault_inside_a_library_leaves_its_place_in_the_log(place: Path, which: str) -> None:
    with World(place) as world:
        world.start_both()
        told = world.submit(realistic(5))
        program: Program = getattr(world, which)
        os.kill(program.pid, signal.SIGSEGV)
        assert program.await_end() == -signal.SIGSEGV
        said = program.tail()
        assert "Fatal Python error: Segmentation fault" in said
        assert "most recent call first" in said
        program.start()
        assert program.await_ready()
        assert world.sync()["backlog"] == 0
        assert len(world.feed()) == world.head >= len(told)
