"""The simulation is held against faults planted into the real code: it must find each of them."""

import pytest

from tests.simulation.planted import PLANTED, Planted
from tests.simulation.story import run

SEEDS = 50
"""Where the written seed's world holds, the first ones are tried up to here."""
QUICK = 5
"""What is found among the first few is looked for on every commit."""


WITHOUT_REST = frozenset({"turn not judged", "own events not fetched"})
"""Faults whose worlds never come to rest, which takes long to see."""


def is_slow(planted: Planted) -> bool:
    """Tell whether a fault is looked for in `.ci/run` alone."""
    return planted.seed > QUICK or planted.name in WITHOUT_REST


def found_at(planted: Planted) -> int | None:
    """Return a seed whose world breaks with this fault in it: the written one, or the first."""
    seed: int
    for seed in (planted.seed, *range(1, SEEDS + 1)):
        with pytest.MonkeyPatch.context() as patch:
            planted.plant(patch)
            broken = run(seed).broken is not None
        if broken:
            return seed
    return None


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(each, id=each.name, marks=pytest.mark.slow if is_slow(each) else ())
        for each in PLANTED
    ],
)
@pytest.mark.timeout(600)
def test_a_planted_fault_is_found(planted: Planted) -> None:
    seed = found_at(planted)
    assert seed is not None, f"{planted.name}: no world of {SEEDS} broke"
