"""The promise itself: recorded with no network, at the province exactly once."""

import hashlib
import json
import random
import shutil
from pathlib import Path

import httpx
import pytest

from tests.chaos.link import LOST_REPLY, Link, random_faults
from tests.chaos.producer import Producer
from tests.e2e.exactly_once import SEED, Json, assert_exactly_once, is_same, realistic
from tests.e2e.world import World
from tests.ports import free_port

KILLS = 50
COMMANDS_A_KILL = 200


def test_records_made_offline_arrive_once_when_the_line_returns(place: Path) -> None:
    server_port = free_port()
    with (
        Link(server_port) as link,
        World(place, server_port=server_port, province_url=link.url) as world,
    ):
        world.start_server()
        link.cut()
        world.start_agent()
        commands = realistic(1_000)
        results = world.submit(commands)
        assert [result["ok"] for result in results] == [True] * 1_000
        status = world.status()
        assert status["line"] == "offline"
        assert status["delivered"] == 0
        assert status["backlog"] == status["head"]

        link.restore()
        done = world.sync()

        assert done["backlog"] == 0
        assert done["delivered"] == done["head"]
        assert_exactly_once(world, results)
        assert world.run("verify").returncode == 0


def test_the_feed_hands_on_the_very_bytes_that_were_hashed(place: Path) -> None:
    with World(place) as world:
        world.start_both()
        world.submit(realistic(20))
        world.sync()
        text = httpx.get(
            f"{world.server_url}/v1/events",
            headers={"Authorization": f"Bearer {world.facts['feed_token']}"},
        ).text
        lines = [line for line in text.split("\n") if line]
        previous: bytes | None = None
        for line in lines:
            event = line[line.index('"event":') + len('"event":') : -1].encode()
            stated = bytes.fromhex(json.loads(line)["hash"])
            if previous is not None:
                digest = hashlib.sha256(b"\x02" + event).digest()
                assert hashlib.sha256(b"\x01" + previous + digest).digest() == stated
            previous = stated


def test_twenty_resets_in_mid_transfer_lose_and_double_nothing(place: Path) -> None:
    server_port = free_port()
    with (
        Link(server_port) as link,
        World(place, server_port=server_port, province_url=link.url) as world,
    ):
        world.start_server()
        link.cut()
        world.start_agent()
        results = world.submit(realistic(1_000))
        link.fail_with(random_faults(SEED, bytes_max=20_000))
        link.restore()
        while link.struck < 20:
            pressed = json.loads(world.run("sync", "--wait", "0", "--json").stdout)
            if pressed["backlog"] == 0:
                results += world.submit(realistic(40, seed=SEED + len(results)))
        link.heal()
        world.sync()
        assert_exactly_once(world, results, f"seed {SEED}")


def test_lost_replies_do_not_double_a_record(place: Path) -> None:
    server_port = free_port()
    with (
        Link(server_port) as link,
        World(place, server_port=server_port, province_url=link.url) as world,
    ):
        world.start_server()
        link.cut()
        world.start_agent()
        results = world.submit(realistic(300))
        link.fail_with(lambda: LOST_REPLY)
        link.restore()
        while link.struck < 3:
            world.run("sync", "--wait", "0", "--json")
        status = world.status()
        assert status["delivered"] == 0
        assert len(world.feed()) == status["head"], "all arrived although no reply came through"
        link.heal()
        world.sync()
        assert_exactly_once(world, results)


def test_one_bad_line_among_good_ones_is_named_and_the_good_ones_stand(place: Path) -> None:
    with World(place) as world:
        world.start_both()
        good = realistic(4)
        lines = [json.dumps(command, ensure_ascii=False).encode() for command in good]
        lines.insert(2, b'{"type":"dossier.receive","procedure_code":"9.999999"}')
        done = world.run("submit", "-", stdin=b"\n".join(lines) + b"\n")
        results = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.returncode == 1
        assert [result["ok"] for result in results] == [True, True, False, True, True]
        assert results[2]["line"] == 3
        assert results[2]["problem"]["errors"], "the paths are named"
        assert world.status()["head"] == max(result["seq"] for result in results if result["ok"])


def struck_at(world: World, victim: str, source: random.Random, producer: Producer) -> bool:
    """Kill one side at a random answer to a producer; tell whether that was in the midst of work.

    The office's is what the producer has not heard of yet, the province's what the office has and
    it has not confirmed.
    """
    producer.start()
    for _ in range(source.randint(1, len(producer.commands) * 2 // 3)):
        assert producer.news.acquire(timeout=30), "nothing is answered any more"
    if victim == "agent":
        world.agent.kill()
        producer.join(40)
        return len(producer.results) < len(producer.commands)
    world.server.kill()
    producer.join(40)
    status = world.status()
    return bool(status["delivered"] < status["head"])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_kills_of_either_side_lose_and_double_nothing(place: Path) -> None:
    source = random.Random(SEED)
    with World(place) as world:
        world.start_both()
        told: list[Json] = []
        acknowledged = 0
        struck = {"agent": 0, "server": 0}
        for round_ in range(KILLS):
            about = f"seed {SEED}, kill {round_}"
            victim = source.choice(["agent", "server"])
            producer = Producer(world, SEED + round_, COMMANDS_A_KILL)
            struck[victim] += struck_at(world, victim, source, producer)
            if victim == "agent":
                world.start_agent()
            else:
                assert len(producer.results) == COMMANDS_A_KILL, f"{about}: the office goes on"
                world.start_server()
            # What got no answer is sent again with its key, and so is what got one.
            again = world.submit(producer.commands)
            assert [result["ok"] for result in again] == [True] * COMMANDS_A_KILL, about
            for first, now in zip(producer.results, again, strict=False):
                assert is_same(first, now), f"{about}: {first} became {now}"
            acknowledged += len(producer.results)
            told += again
        world.sync(300)
        assert_exactly_once(world, told, f"seed {SEED}, {KILLS} kills")
        assert min(struck.values()) >= KILLS // 4, f"{struck}: the rig is broken"
        assert acknowledged >= KILLS * COMMANDS_A_KILL // 2, f"{acknowledged}: the rig is broken"
        print(
            f"{KILLS} kills, seed {SEED}, at work {struck}: "
            f"{acknowledged} acknowledged before, 0 lost, 0 doubled"
        )


@pytest.mark.slow
def test_a_province_restored_from_an_older_copy_catches_up(place: Path) -> None:
    with World(place / "world") as world:
        world.start_both()
        results = world.submit(realistic(100))
        world.sync()
        world.server.stop()
        data = world.folder / "server"
        shutil.copytree(data, place / "copy")
        world.start_server()
        results += world.submit(realistic(100, seed=SEED + 1))
        world.sync()

        world.server.stop()
        shutil.rmtree(data)
        shutil.copytree(place / "copy", data)
        world.start_server()
        results += world.submit(realistic(10, seed=SEED + 2))
        world.sync()

        assert_exactly_once(world, results)
