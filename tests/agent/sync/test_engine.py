"""The sync engine's decisions, one story each; no I/O anywhere."""

from pathlib import Path
from random import Random

import pytest

from agent.sync import faults
from agent.sync.engine import COALESCE_MS, TRANSITIONS, Engine
from agent.sync.faults import Fault
from agent.sync.pacing import Load
from agent.sync.retry import Delays
from agent.sync.signals import (
    Answered,
    Appended,
    BackingOff,
    Due,
    Effect,
    Enrolled,
    Exchanging,
    Failed,
    Held,
    Idle,
    NetworkUp,
    NotEnrolled,
    Probe,
    Send,
    Show,
    Stopped,
    SyncNow,
    WaitUntil,
)

DRAWING = Path(__file__).parents[3] / "docs/state-machines/sync-engine.mmd"
LOAD = Load(
    plain_bytes=120_000, packed_bytes=10_000, up_bytes=11_500, down_bytes=1_500, took_ms=900
)


def engine(*, unsent: bool = False) -> Engine:
    """An engine that has just sent its first message."""
    it = Engine(Delays(Random(1)))
    it.handle(Enrolled(unsent=unsent), 0)
    return it


def idle(now_ms: int = 1_000) -> Engine:
    it = engine()
    it.handle(answered(it), now_ms)
    return it


def request(it: Engine) -> int:
    assert isinstance(it.state, Exchanging)
    return it.state.request


def answered(
    it: Engine,
    *,
    unsent: bool = False,
    progress: bool = True,
    more: bool = False,
    fault: Fault | None = None,
    place: int = 7,
    next_after_s: int = 0,
) -> Answered:
    return Answered(
        request(it),
        LOAD,
        place,
        unsent=unsent,
        progress=progress,
        more=more,
        fault=fault,
        next_after_s=next_after_s,
    )


def failed(it: Engine, fault: Fault, retry_after_s: int | None = None) -> Failed:
    return Failed(request(it), fault, LOAD, retry_after_s)


def sends(effects: tuple[Effect, ...]) -> bool:
    return any(isinstance(effect, Send) for effect in effects)


def deadline(effects: tuple[Effect, ...]) -> int | None:
    [wait] = [effect for effect in effects if isinstance(effect, WaitUntil)]
    return wait.at_ms


def test_the_drawing_shows_exactly_the_transition_table() -> None:
    drawn = set()
    for line in DRAWING.read_text(encoding="utf-8").splitlines():
        left, arrow, rest = line.strip().partition(" --> ")
        if arrow and ":" in rest:
            right, _, signal = rest.partition(": ")
            drawn.add((left, signal, right))
    table = {
        (state.__name__, signal.__name__, to.__name__)
        for (state, signal), (_, leads_to) in TRANSITIONS.items()
        for to in leads_to
    }
    assert drawn == table


def test_nothing_is_sent_before_enrolment() -> None:
    it = Engine(Delays(Random(1)))
    for signal in (Appended(), SyncNow(), NetworkUp(), Due()):
        assert it.handle(signal, 5) == ()
    assert it.state == NotEnrolled()


def test_an_enrolled_office_asks_for_news_at_once() -> None:
    it = Engine(Delays(Random(1)))
    assert sends(it.handle(Enrolled(unsent=False), 0))


def test_new_events_wait_a_moment_for_their_neighbours_and_not_longer() -> None:
    it = idle()
    assert deadline(it.handle(Appended(), 10_000)) == 10_000 + COALESCE_MS
    assert deadline(it.handle(Appended(), 10_100)) == 10_000 + COALESCE_MS
    assert sends(it.handle(Due(), 10_000 + COALESCE_MS))


def test_one_request_is_open_at_a_time() -> None:
    it = engine(unsent=True)
    for signal in (Appended(), SyncNow(), NetworkUp(), Due(), Enrolled(unsent=True)):
        assert not sends(it.handle(signal, 5))


def test_a_late_report_about_an_earlier_request_changes_nothing() -> None:
    it = engine(unsent=True)
    late = answered(it)
    it.handle(answered(it, unsent=True), 100)
    state = it.state
    assert it.handle(late, 200) == ()
    assert it.handle(Failed(late.request, faults.CUT, LOAD), 200) == ()
    assert it.state == state


def test_a_backlog_goes_out_message_after_message() -> None:
    it = engine(unsent=True)
    assert sends(it.handle(answered(it, unsent=True), 500))
    assert not sends(it.handle(answered(it), 900))
    assert isinstance(it.state, Idle)


def test_further_desk_events_are_asked_for_at_once() -> None:
    it = engine()
    assert sends(it.handle(answered(it, more=True), 500))


def test_an_idle_office_asks_at_most_twice_an_hour() -> None:
    it = engine()
    waits = deadline(it.handle(answered(it), 0))
    assert waits is not None
    assert 1_800_000 <= waits <= 2_100_000


def test_the_province_may_say_when_to_ask_again_up_to_six_hours() -> None:
    it = engine()
    assert deadline(it.handle(answered(it, next_after_s=60), 0)) == 60_000
    it = engine()
    assert deadline(it.handle(answered(it, next_after_s=10**9), 0)) == 21_600_000


def test_events_that_the_province_does_not_take_are_not_sent_in_a_hot_loop() -> None:
    it = engine(unsent=True)
    effects = it.handle(answered(it, unsent=True, progress=False), 0)
    assert not sends(effects)
    assert Show("online", faults.RECEIPT_STUCK) in effects


def test_a_failure_backs_off_with_full_jitter_up_to_five_minutes() -> None:
    it, waits = engine(), []
    for _ in range(200):
        wait = deadline(it.handle(failed(it, faults.OFFLINE), 0))
        assert wait is not None
        waits.append(wait)
        it.handle(Due(), 0)
    assert 1_000 <= waits[0] <= 2_000
    assert max(waits) <= 300_000
    assert min(waits) >= 1_000
    assert len(set(waits)) > 190


def test_a_success_forgets_the_failures_before_it() -> None:
    it = engine()
    for _ in range(12):
        it.handle(failed(it, faults.OFFLINE), 0)
        it.handle(Due(), 0)
    it.handle(answered(it, more=True), 0)
    wait = deadline(it.handle(failed(it, faults.OFFLINE), 0))
    assert wait is not None
    assert wait <= 2_000


def test_retry_after_overrides_and_neither_the_network_nor_new_events_shorten_it() -> None:
    it = engine(unsent=True)
    wait = deadline(it.handle(failed(it, faults.BUSY, retry_after_s=600), 0))
    assert wait is not None
    assert 600_000 <= wait <= 660_000
    assert not sends(it.handle(NetworkUp(), 5))
    assert it.handle(Appended(), 5) == ()
    assert sends(it.handle(SyncNow(), 5))


def test_retry_after_is_believed_for_six_hours_at_most() -> None:
    it = engine(unsent=True)
    assert deadline(it.handle(failed(it, faults.BUSY, retry_after_s=10**9), 0)) == 21_600_000


@pytest.mark.parametrize(
    "fault", [faults.OFFLINE, faults.DNS, faults.CUT, faults.CAPTIVE_PORTAL, faults.TLS]
)
def test_the_networks_return_is_used_at_once(fault: Fault) -> None:
    it = engine(unsent=True)
    it.handle(failed(it, fault), 0)
    assert sends(it.handle(NetworkUp(), 1))


def test_the_line_is_probed_only_while_it_is_down_and_something_waits() -> None:
    it = engine()
    assert not any(isinstance(e, Probe) for e in it.handle(failed(it, faults.OFFLINE), 0))
    assert it.handle(Appended(), 1) == (Probe(on=True, down=True),)
    assert it.handle(Appended(), 2) == ()
    assert Probe(on=False) in it.handle(NetworkUp(), 3)


def test_on_a_line_known_to_be_down_nothing_is_built_only_to_find_it_down() -> None:
    it = engine(unsent=True)
    wait = deadline(it.handle(failed(it, faults.OFFLINE), 0))
    assert wait is not None
    effects = it.handle(Due(), wait)
    assert not sends(effects)
    assert not any(isinstance(e, Probe) for e in effects)
    assert isinstance(it.state, BackingOff)
    assert it.state.until_ms > wait
    assert sends(it.handle(NetworkUp(), wait + 1))


def test_after_a_cut_the_time_that_comes_is_a_reason_to_try() -> None:
    it = engine(unsent=True)
    wait = deadline(it.handle(failed(it, faults.CUT), 0))
    assert wait is not None
    assert sends(it.handle(Due(), wait))


def test_after_a_cut_only_a_fall_and_return_of_the_line_counts_as_its_return() -> None:
    it = engine(unsent=True)
    assert Probe(on=True, down=False) in it.handle(failed(it, faults.CUT), 0)


def test_a_captive_portal_is_not_probed() -> None:
    it = engine(unsent=True)
    effects = it.handle(failed(it, faults.CAPTIVE_PORTAL), 0)
    assert Show("captive-portal", faults.CAPTIVE_PORTAL) in effects
    assert not any(isinstance(e, Probe) for e in effects)


def test_a_cut_halves_the_next_message_and_a_dead_line_does_not() -> None:
    it = engine(unsent=True)
    before = it.pacing.batch().packed_bytes
    it.handle(failed(it, faults.OFFLINE), 0)
    assert it.pacing.batch().packed_bytes == before
    it.handle(SyncNow(), 0)
    it.handle(failed(it, faults.CUT), 0)
    assert it.pacing.batch().packed_bytes == LOAD.packed_bytes // 2


def test_too_large_splits_at_once_until_it_cannot_be_split() -> None:
    it = engine(unsent=True)
    sent = 0
    while sends(it.handle(failed(it, faults.TOO_LARGE), 0)):
        sent += 1
        assert sent < 20
    assert it.pacing.smallest
    assert isinstance(it.state, BackingOff)


def test_sync_now_while_a_request_is_open_survives_its_failure() -> None:
    it = engine(unsent=True)
    it.handle(SyncNow(), 1)
    assert sends(it.handle(failed(it, faults.CUT), 2))
    assert not sends(it.handle(failed(it, faults.CUT), 3))


@pytest.mark.parametrize("fault", [faults.GAP, faults.UNKNOWN_JOURNAL, faults.DEVICE_RESTORED])
def test_a_gap_is_sent_again_at_once_and_the_third_time_held(fault: Fault) -> None:
    it = engine(unsent=True)
    assert sends(it.handle(answered(it, unsent=True, fault=fault), 0))
    assert sends(it.handle(answered(it, unsent=True, fault=fault), 0))
    effects = it.handle(answered(it, unsent=True, fault=fault), 0)
    assert it.state == Held(fault, 7)
    assert Show("online", fault) in effects
    assert WaitUntil(None) in effects


@pytest.mark.parametrize("fault", [faults.FORK, faults.RECEIPT_WRONG])
def test_a_fork_is_tried_three_times_and_then_held(fault: Fault) -> None:
    it = engine(unsent=True)
    for _ in range(2):
        assert not sends(it.handle(answered(it, unsent=True, fault=fault), 0))
        it.handle(Due(), 0)
    it.handle(answered(it, unsent=True, fault=fault), 0)
    assert it.state == Held(fault, 7)


def test_gaps_at_other_places_or_with_a_success_between_are_not_the_same() -> None:
    it = engine(unsent=True)
    for place in (1, 2, 3, 4):
        it.handle(answered(it, unsent=True, fault=faults.GAP, place=place), 0)
    for _ in range(4):
        it.handle(answered(it, unsent=True, fault=faults.GAP), 0)
        it.handle(answered(it, unsent=True), 0)
    assert isinstance(it.state, Exchanging)


def test_held_waits_for_a_person_and_sends_once_for_each_request() -> None:
    it = engine(unsent=True)
    for _ in range(3):
        it.handle(answered(it, unsent=True, fault=faults.GAP), 0)
    for signal in (Appended(), NetworkUp(), Due()):
        assert it.handle(signal, 1) == ()
    assert sends(it.handle(SyncNow(), 2))
    it.handle(answered(it, unsent=True, fault=faults.GAP), 3)
    assert isinstance(it.state, Held)


def test_a_stale_memory_is_mended_at_once_but_not_for_ever() -> None:
    it = engine(unsent=True)
    assert sends(it.handle(answered(it, fault=faults.MEMORY_STALE), 0))
    assert sends(it.handle(answered(it, fault=faults.MEMORY_STALE), 0))
    assert not sends(it.handle(answered(it, fault=faults.MEMORY_STALE), 0))
    assert isinstance(it.state, BackingOff)


def test_only_a_revocation_stops_for_good() -> None:
    it = engine(unsent=True)
    effects = it.handle(answered(it, fault=faults.DEVICE_REVOKED), 0)
    assert Show("revoked", faults.DEVICE_REVOKED) in effects
    for signal in (SyncNow(), Appended(), NetworkUp(), Due(), Enrolled(unsent=True)):
        assert it.handle(signal, 1) == ()
    assert it.state == Stopped(faults.DEVICE_REVOKED)


def test_a_revocation_is_remembered_over_a_restart() -> None:
    it = Engine(Delays(Random(1)))
    assert not sends(it.handle(Enrolled(unsent=True, revoked=True), 0))
    assert isinstance(it.state, Stopped)


def test_a_moved_province_is_asked_again_seldom() -> None:
    it = engine(unsent=True)
    effects = it.handle(answered(it, unsent=True, fault=faults.PROVINCE_MOVED), 0)
    assert Show("moved", faults.PROVINCE_MOVED) in effects
    assert isinstance(it.state, BackingOff)
