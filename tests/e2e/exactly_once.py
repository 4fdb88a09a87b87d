"""Realistic commands, and the oracle: what was acknowledged stands at the province once."""

import itertools
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from records import synthetic
from records.calendar import OFFICE_ZONE
from tests.e2e.world import World

SEED = 20261121


def realistic(count: int, seed: int = SEED) -> list[dict[str, Any]]:
    """Give `count` commands of a working day, each with a key so that it can be sent again."""
    today = datetime.now(OFFICE_ZONE).date()
    commands = itertools.islice(synthetic.commands(seed, today=today), count)
    return [command | {"key": f"{seed}-{number}"} for number, command in enumerate(commands)]


def assert_exactly_once(
    world: World, results: Iterable[dict[str, Any]], about: str = ""
) -> list[dict[str, Any]]:
    """Every acknowledged record stands in the feed once, chained, and both sides agree.

    `about` (the seed, the point) is said when it does not hold. Gives the office's feed.
    """
    feed = [line for line in world.feed() if line["office_id"] == world.office["office_id"]]
    seqs = [line["seq"] for line in feed]
    assert len(seqs) == len(set(seqs)), f"{about} a record stands twice in the feed"
    assert seqs == list(range(1, len(seqs) + 1)), f"{about} the feed has a hole"
    lost = {result["seq"] for result in results} - set(seqs)
    assert not lost, f"{about} acknowledged records are missing: {sorted(lost)}"
    compared = world.reconciliation()
    assert compared["equal"] is True, f"{about} {compared}"
    (head,) = compared["heads"]
    assert head["office"] == head["province"] == [len(feed), feed[-1]["hash"]], about
    return feed
