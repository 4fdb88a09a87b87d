"""What the daemon carries, and what it gives back when the office rests."""

import asyncio
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from agent import memory, rounds
from agent.journal import Journal, NoViews
from tests.agent.world import IDENTITY, KEY, FakeClock, note


def run(program: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


def test_a_package_is_left_out_only_while_it_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "extra_for_terminals.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with memory.left_out("extra_for_terminals", "sys"), pytest.raises(ImportError):
        __import__("extra_for_terminals")
    assert __import__("extra_for_terminals").__name__ == "extra_for_terminals"
    assert sys.modules["sys"] is sys


def test_the_daemon_leaves_out_what_only_terminals_need() -> None:
    program = (
        "import sys\nfrom agent.memory import left_out\n"
        "with left_out('rich', 'pygments'):\n    import agent.main, console.logs\n"
        "print(*{'rich', 'pygments', 'markdown_it'} & set(sys.modules))"
    )
    assert run(program) == ""


def test_the_allocator_is_told() -> None:
    assert run("from agent import memory\nprint(memory.give_back(), memory.trim())") == "True True"


def test_what_the_start_made_is_not_collected_again() -> None:
    program = (
        "import gc\nfrom agent import memory\n"
        "memory.settle()\nprint(gc.get_freeze_count() > 1000, len(gc.get_objects()) < 1000)"
    )
    assert run(program) == "True True"


def test_trimming_collects_first() -> None:
    class Circle:
        def __init__(self) -> None:
            self.me = self

    circle = weakref.ref(Circle())
    memory.trim()
    assert circle() is None


async def test_a_resting_journal_gives_its_cache_back_and_records_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimmed = asyncio.Event()
    monkeypatch.setattr(rounds, "REST_S", 0.01)
    monkeypatch.setattr(memory, "trim", trimmed.set)
    journal = await Journal.open(
        tmp_path / "journal.db", KEY, identity=IDENTITY, projector=NoViews(), clock=FakeClock()
    )
    resting = asyncio.create_task(rounds.rest(journal))
    for seq in range(1, 3):
        async with asyncio.timeout(10):
            await trimmed.wait()
        trimmed.clear()
        assert (await journal.write(lambda t: t.append(note()))).seq == seq
    resting.cancel()
    await asyncio.gather(resting, return_exceptions=True)
    await journal.close()
