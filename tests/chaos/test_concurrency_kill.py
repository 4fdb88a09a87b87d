"""Eight producers at once share commits; the plug is pulled in the middle; no answer was a lie."""

import random
import threading
from pathlib import Path

import pytest

from tests.chaos.producer import Producer
from tests.e2e.exactly_once import SEED, Json, assert_exactly_once, is_same
from tests.e2e.world import World

PRODUCERS = 8


def struck_after(world: World, seed: int, count: int) -> list[Producer]:
    """Let eight producers work and kill the agent at a random answer; give them."""
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
    return producers


def look(world: World, seed: int, *, rounds: int, count: int) -> None:
    told: list[Json] = []
    struck = acknowledged = 0
    for round_ in range(rounds):
        about = f"seed {seed}, round {round_}"
        world.start_agent()
        producers = struck_after(world, seed + round_, count)
        heard = sum(len(producer.results) for producer in producers)
        struck, acknowledged = struck + (heard < PRODUCERS * count), acknowledged + heard
        world.start_agent()
        for producer in producers:
            again = world.submit(producer.commands)
            assert [result["ok"] for result in again] == [True] * count, about
            for first, now in zip(producer.results, again, strict=False):
                assert is_same(first, now), f"{about}: {first} became {now}"
            told += again
        assert world.verify()["ok"], about
        assert world.agent.stop() == 0
    assert struck > rounds // 2, f"{struck} of {rounds} kills struck at work: the rig is broken"
    assert acknowledged >= rounds, f"{acknowledged} acknowledged: the rig is broken"
    world.start_server()
    world.start_agent()
    world.sync(300)
    assert_exactly_once(world, told, f"seed {seed}")
    print(
        f"{rounds} kills under {PRODUCERS} producers, {struck} at work, seed {seed}: "
        f"{acknowledged} acknowledged before, 0 lost, 0 doubled"
    )


def test_killed_under_eight_producers(place: Path) -> None:
    with World(place) as world:
        look(world, SEED, rounds=1, count=40)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_again_and_again_under_eight_producers(place: Path) -> None:
    with World(place) as world:
        look(world, SEED + 1_000, rounds=20, count=150)
