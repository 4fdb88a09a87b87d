"""Dictionary D1: always the same bytes from the same sources, and worth its 32 KiB."""

import pytest

from tools.train_dictionary import bytes_per_event, corpus, train
from wire.codec import D1, PLAIN_CODEC


@pytest.mark.slow
def test_training_gives_the_dictionary_that_ships() -> None:
    assert train(corpus()) == D1


@pytest.mark.parametrize(
    ("count", "level", "bytes_max"), [(1, 19, 105), (10, 19, 64), (100, 19, 50), (100, 3, 66)]
)
def test_an_office_it_has_never_seen_compresses_well(
    count: int, level: int, bytes_max: int
) -> None:
    assert bytes_per_event(count, level, everyday=False) <= bytes_max


def test_one_event_costs_a_quarter_of_what_it_does_without() -> None:
    alone = bytes_per_event(1, 19, everyday=False, codec=PLAIN_CODEC)
    assert bytes_per_event(1, 19, everyday=False) < alone / 3.5
