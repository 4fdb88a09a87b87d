"""How far a clock is believed."""

import pytest

from agent.clock import (
    EARLIEST_MS,
    LATEST_MS,
    READING_MS_MAX,
    STEP_MS_MAX,
    VOUCHED_MS_MAX,
    BootTimes,
    Judge,
    SystemClock,
    boot_mark,
    kernel_synchronised,
)
from tests.agent.world import START_MS, FakeClock

NOW = START_MS


def test_a_clock_that_the_kernel_disciplines_is_trusted() -> None:
    assert Judge().state(NOW, 0, synchronised=True) == "trusted"


def test_one_that_nobody_has_confirmed_is_unsynced() -> None:
    assert Judge().state(NOW, 0, synchronised=False) == "unsynced"


@pytest.mark.parametrize("now_ms", [0, EARLIEST_MS - 1, LATEST_MS, 2**42])
def test_an_impossible_time_is_suspect_whatever_the_kernel_says(now_ms: int) -> None:
    assert Judge().state(now_ms, 0, synchronised=True) == "suspect"


def test_a_good_clock_stays_trusted_for_a_month_without_a_line() -> None:
    judge = Judge()
    judge.state(NOW, 0, synchronised=True)
    later = VOUCHED_MS_MAX
    assert judge.state(NOW + later, later, synchronised=False) == "trusted"
    assert judge.state(NOW + later + 1, later + 1, synchronised=False) == "unsynced"


def test_a_step_makes_it_suspect_until_somebody_confirms_it() -> None:
    judge = Judge()
    judge.state(NOW, 0, synchronised=True)
    assert judge.state(NOW + STEP_MS_MAX + 1000, 0, synchronised=False) == "suspect"
    assert judge.state(NOW + STEP_MS_MAX + 2000, 1000, synchronised=False) == "suspect"
    judge.vouch(NOW, 2000)
    assert judge.state(NOW + 1000, 3000, synchronised=False) == "trusted"


def test_the_province_s_time_confirms_a_clock_that_agrees_with_it() -> None:
    clock = SystemClock()
    clock.vouch(STEP_MS_MAX + 1)
    before = clock.state()
    clock.vouch(-500)
    assert clock.state() == "trusted"
    assert before == ("trusted" if kernel_synchronised() else "unsynced")


def test_a_time_since_boot_is_that_of_the_second_which_at_shows() -> None:
    clock = FakeClock(START_MS + 250)
    times = BootTimes(clock)
    assert times.of(clock.now_ms()) == 60_000 - 250
    clock.advance(749)  # the same second
    assert times.of(clock.now_ms()) == 60_000 - 250
    clock.advance(1)
    assert times.of(clock.now_ms()) == 60_750


def test_reading_two_clocks_is_no_step_but_a_step_is() -> None:
    clock = FakeClock(START_MS)
    times = BootTimes(clock)
    assert times.of(START_MS) == 60_000
    clock.wall_ms += READING_MS_MAX
    assert times.of(START_MS) == 60_000
    clock.wall_ms += 1
    assert times.of(START_MS) == 60_000 - READING_MS_MAX - 1


def test_the_first_second_after_boot_is_not_before_it() -> None:
    clock = FakeClock(START_MS + 900)
    clock.since_boot_ms = 100
    assert BootTimes(clock).of(clock.now_ms()) == 0


def test_the_machine_s_clocks_can_be_read() -> None:
    clock = SystemClock()
    assert clock.now_ms() > EARLIEST_MS
    assert clock.mono_ms() <= clock.mono_ms()
    assert len(clock.boot_id) == 36


def test_a_boot_mark_hides_the_boot_and_differs_by_device() -> None:
    clock = FakeClock()
    marks = {boot_mark(clock, device) for device in (b"a" * 32, b"b" * 32)}
    assert len(marks) == 2
    assert {len(mark) for mark in marks} == {8}
