"""The oracle of the promise is tried on what it is there to find: each of these must fail."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.link import Link
from tests.e2e.exactly_once import Json, assert_each_once, assert_exactly_once, realistic
from tests.e2e.world import World
from tests.ports import free_port

Told = tuple[list[Json], list[Json]]
"""A feed, and what the office had answered."""


def test_a_record_that_was_stored_twice_is_found(place: Path) -> None:
    with World(place) as world:
        world.start_both()
        commands = realistic(10)
        results = world.submit(commands)
        again = next(command for command in commands if command["type"] == "dossier.receive")
        world.submit([again | {"key": "the same again, as if it were another"}])
        world.sync()
        with pytest.raises(AssertionError, match=r"nobody was told of, doubles: \[11\]"):
            assert_exactly_once(world, results)


def test_a_record_that_did_not_arrive_is_found(place: Path) -> None:
    port = free_port()
    with (
        Link(port) as link,
        World(place, server_port=port, province_url=link.url) as world,
    ):
        world.start_both()
        results = world.submit(realistic(10))
        world.sync()
        assert_exactly_once(world, results)
        link.cut()
        results += world.submit(realistic(1, seed=1))
        with pytest.raises(AssertionError, match=r"acknowledged records are missing: \[11\]"):
            assert_exactly_once(world, results)
        link.restore()
        world.sync()
        assert_exactly_once(world, results)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The feed of an office that has delivered five records, and its answers."""
    with World(tmp_path_factory.mktemp("w")) as world:
        world.start_both()
        results = world.submit(realistic(5))
        world.sync()
        yield assert_exactly_once(world, results), results


def told_twice(feed: list[Json], results: list[Json]) -> None:
    """Two commands were answered with one record."""
    results[4] = results[3]


def under_other_names(feed: list[Json], results: list[Json]) -> None:
    """The office had answered with other records at these places."""
    results[0]["id"], results[1]["id"] = results[1]["id"], results[0]["id"]


def twice_in_the_feed(feed: list[Json], results: list[Json]) -> None:
    feed.insert(3, feed[2])


def never_in_the_feed(feed: list[Json], results: list[Json]) -> None:
    del feed[2]


def of_another_chain(feed: list[Json], results: list[Json]) -> None:
    """The province holds other bytes at this place than the office named."""
    feed[4]["hash"] = feed[3]["hash"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (told_twice, "given the same record"),
        (under_other_names, r"acknowledged as other records: \[1, 2\]"),
        (twice_in_the_feed, "a hole or a double in the feed"),
        (never_in_the_feed, "a hole or a double in the feed"),
        (of_another_chain, "no. 5 is not named by its hash"),
    ],
)
def test_what_both_sides_tell_is_held_together(
    told: Told, spoil: Callable[[list[Json], list[Json]], None], said: str
) -> None:
    feed, results = ([dict(line) for line in lines] for lines in told)
    assert_each_once(feed, results, "")
    spoil(feed, results)
    with pytest.raises(AssertionError, match=said):
        assert_each_once(feed, results, "")
