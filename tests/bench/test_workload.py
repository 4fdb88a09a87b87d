"""The work that is measured is the same for a seed, and each command makes one event."""

import itertools
import json

from bench import raw, workload


def test_the_same_seed_gives_the_same_work() -> None:
    assert workload.take(7, 50) == workload.take(7, 50)
    assert workload.take(7, 50) != workload.take(8, 50)


def test_work_can_be_taken_up_later() -> None:
    assert (
        list(itertools.islice(workload.command_lines(7, first=20), 5)) == workload.take(7, 25)[20:]
    )


def test_nobody_comes_through_the_door_twice_and_the_mix_stays() -> None:
    commands = [json.loads(line) for line in workload.take(7, 2_000)]
    visitors = [c["visitor"]["id_number"] for c in commands if c["type"] == "visit.check_in"]
    assert len(visitors) == len(set(visitors))
    assert 0.45 < len(visitors) / len(commands) < 0.65


def test_the_raw_limit_of_compression_is_below_gzip() -> None:
    events = workload.events(7, 200)
    assert raw.zstd_bytes(events) < raw.gzip_bytes(events) < sum(map(len, events))
