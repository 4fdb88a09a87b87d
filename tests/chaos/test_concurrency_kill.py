"""Eight producers at once share commits; the plug is pulled in the middle; no answer was a lie."""

import contextlib
import json
import random
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.exactly_once import SEED, assert_exactly_once, realistic
from tests.e2e.world import World, as_line

PRODUCERS = 8


class Producer(threading.Thread):
    """Streams commands into `submit -` and reads results until one of both is over."""

    def __init__(self, world: World, seed: int, count: int, news: threading.Semaphore) -> None:
        super().__init__(name=f"producer {seed}")
        self.commands = realistic(count, seed=seed)
        self.results: list[dict[str, Any]] = []
        self._process: subprocess.Popen[bytes] = world.open_producer()
        self._news = news

    def run(self) -> None:
        """Feed all, keep what is answered."""
        feeding = threading.Thread(target=self._feed)
        feeding.start()
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith(b"\n"):
                self.results.append(json.loads(line))
                self._news.release()
        feeding.join(20)
        self._process.wait(20)
        self._process.stdout.close()

    def _feed(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
            for command in self.commands:
                pipe.write(as_line(command))
                pipe.flush()


def struck_after(
    world: World, seed: int, count: int
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Let eight producers work, kill the agent at a random answer; give (command, result) pairs."""
    source = random.Random(seed)
    news = threading.Semaphore(0)
    producers = [Producer(world, seed * 100 + number, count, news) for number in range(PRODUCERS)]
    for producer in producers:
        producer.start()
    for _ in range(source.randint(1, PRODUCERS * count // 2)):
        assert news.acquire(timeout=30), "nothing is answered any more"
    world.agent.kill()
    for producer in producers:
        producer.join(40)
        assert not producer.is_alive()
    return [pair for one in producers for pair in zip(one.commands, one.results, strict=False)]


def look(world: World, seed: int, *, rounds: int, count: int) -> None:
    told: list[dict[str, Any]] = []
    unfinished = 0
    for round_ in range(rounds):
        about = f"seed {seed}, round {round_}"
        world.start_agent()
        pairs = struck_after(world, seed + round_, count)
        assert pairs, about
        unfinished += len(pairs) < PRODUCERS * count
        world.start_agent()
        again = world.submit([command for command, _ in pairs])
        for (command, first), now in zip(pairs, again, strict=True):
            assert first["ok"] == now["ok"], f"{about}: {command}: {first} became {now}"
            if first["ok"]:
                same = (first["id"], first["seq"]) == (now["id"], now["seq"])
                assert same, f"{about}: {command}: {first} became {now}"
                told.append(first)
        assert world.verify()["ok"], about
        assert world.agent.stop() == 0
    assert unfinished, "the plug was always pulled too late: the rig is broken"
    world.start_server()
    world.start_agent()
    world.sync()
    assert_exactly_once(world, told, f"seed {seed}")
    print(f"{rounds} kills under {PRODUCERS} producers, {len(told)} acknowledged, 0 lost")


def test_killed_under_eight_producers(place: Path) -> None:
    with World(place) as world:
        look(world, SEED, rounds=1, count=40)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_again_and_again_under_eight_producers(place: Path) -> None:
    with World(place) as world:
        look(world, SEED + 1_000, rounds=20, count=150)
