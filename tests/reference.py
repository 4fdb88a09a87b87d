"""How long something takes, as a multiple of something else of the same run."""

import time
from collections.abc import Callable

ROUNDS = 7


def times_the_reference(work: Callable[[], object], reference: Callable[[], object]) -> float:
    """Give how many times the CPU time of `reference` the `work` takes, the best of both.

    In turns, so that a machine that slows down slows both; in CPU time of this process, so that
    its neighbours do not count.
    """
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for number, each in enumerate((work, reference)):
            began = time.process_time()
            each()
            best[number] = min(best[number], time.process_time() - began)
    return best[0] / best[1]
