"""Problems that stand in no table are few, and are over after a while."""

from agent.noticed import KEPT_MS, NOTICED_MAX, Noticed
from records.present import ProblemItem
from tests.agent.world import FakeClock


def made(clock: FakeClock, told: list[ProblemItem]) -> Noticed:
    return Noticed(clock.now_ms, clock.mono_ms, told.append)


def test_a_problem_is_told_at_once_and_kept_for_an_hour(clock: FakeClock) -> None:
    told: list[ProblemItem] = []
    noticed = made(clock, told)
    noticed.add("a", "room-full")
    clock.advance(1000)
    noticed.add("b", "busy", "act", stays=True)
    assert [item.code for item in told] == ["room-full", "busy"]
    assert [(item.id, item.severity) for item in noticed.items()] == [("b", "act"), ("a", "warn")]
    assert told[0].since == "2026-11-20T08:31:05+07:00"
    clock.advance(KEPT_MS - 1000)
    assert [item.id for item in noticed.items()] == ["b"]
    noticed.over("b")
    noticed.over("b")
    assert noticed.items() == []


def test_the_same_problem_again_takes_its_own_place(clock: FakeClock) -> None:
    noticed = made(clock, [])
    for _ in range(2):
        noticed.add("a", "room-full")
    assert len(noticed.items()) == 1


def test_the_oldest_makes_way(clock: FakeClock) -> None:
    noticed = made(clock, [])
    for number in range(NOTICED_MAX + 5):
        noticed.add(str(number), "room-full")
    ids = [item.id for item in noticed.items()]
    assert (len(ids), ids[0], ids[-1]) == (NOTICED_MAX, str(NOTICED_MAX + 4), "5")
