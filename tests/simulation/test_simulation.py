"""Worlds from seeds: nothing acknowledged is lost or doubled, both sides agree, people are told."""

import pytest

from tests.simulation.story import run

QUICK = range(1, 11)
USUAL = range(11, 51)


def survive(seed: int) -> None:
    outcome = run(seed)
    again = f".venv/bin/python -m tests.simulation --seed {seed}"
    assert outcome.broken is None, f"{outcome.broken}\n{again}"


@pytest.mark.parametrize("seed", QUICK)
def test_a_world_keeps_its_promises(seed: int) -> None:
    survive(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", USUAL)
def test_another_world_keeps_its_promises(seed: int) -> None:
    survive(seed)


def test_the_same_seed_is_the_same_world() -> None:
    first, again, other = run(7), run(7), run(8)
    assert first.trace == again.trace
    assert first.digest == again.digest != other.digest
