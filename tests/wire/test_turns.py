"""Turns: a healthy device is never suspected, one whose memory went back always is."""

import hmac
import random
from collections.abc import Iterator
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.samples import turns as some_turns
from wire import turns
from wire.limits import TURNS_GIVEN_MAX, TURNS_STALE_MAX
from wire.problems import Malformed
from wire.turns import NO_TURN, ShownTurn, TurnJudgement, TurnState, any_once, judge

KEY = b"turn key of the server, 32 bytes"


def ask(state: TurnState, turn: bytes, request: bytes, was: bytes | None = None) -> TurnJudgement:
    digest = sha256(request).digest()
    return judge(state, turn=turn, was=was, request_hash=digest, key=KEY)


def a_device_with_memory(exchanges: int) -> tuple[TurnState, list[bytes]]:
    """Return the server's state after some exchanges, and every turn the device stored."""
    state, stored = TurnState(), [NO_TURN]
    for number in range(exchanges):
        answer = ask(state, stored[-1], b"request %d" % number)
        state = answer.state
        stored.append(answer.turn)
    return state, stored


def test_the_formula() -> None:
    digest = sha256(b"request").digest()
    wanted = hmac.new(KEY, NO_TURN + digest, sha256).digest()[:8]
    assert ask(TurnState(), NO_TURN, b"request").turn == wanted


def test_a_new_device_shows_zero_bytes_and_is_current() -> None:
    answer = ask(TurnState(), NO_TURN, b"first")
    assert answer.current
    assert not answer.incident
    assert answer.state.given == (answer.turn,)


def test_a_turn_given_becomes_the_one_shown_and_the_others_are_forgotten() -> None:
    first = ask(TurnState(), NO_TURN, b"first")
    second = ask(first.state, NO_TURN, b"second")
    third = ask(second.state, first.turn, b"third")
    assert third.current
    assert third.state == TurnState(shown=first.turn, given=(third.turn,))
    assert not ask(third.state, second.turn, b"late").current


def test_a_retry_gets_the_same_turn_and_changes_nothing() -> None:
    first = ask(TurnState(), NO_TURN, b"request")
    again = ask(first.state, NO_TURN, b"request")
    assert again == first


def test_a_lost_answer_does_no_harm() -> None:
    lost = ask(TurnState(), NO_TURN, b"request")
    answer = ask(lost.state, NO_TURN, b"another request")
    assert answer.current
    assert ask(answer.state, answer.turn, b"next").current


def test_a_late_replay_is_stale_and_gets_a_useless_turn() -> None:
    state, _ = a_device_with_memory(3)
    late = ask(state, NO_TURN, b"request 0")
    assert not late.current
    assert not late.incident
    assert late.state.shown == state.shown
    assert late.state.given == state.given
    assert not ask(late.state, late.turn, b"replayed turn").current


def test_a_restored_device_is_taken_back_with_one_incident() -> None:
    state, stored = a_device_with_memory(5)
    stale = ask(state, stored[1], b"after the restore")
    assert not stale.current
    taken = ask(stale.state, stale.turn, b"with was", was=stored[1])
    assert taken.current
    assert taken.incident
    healthy = ask(taken.state, taken.turn, b"healthy again")
    assert healthy.current
    assert not healthy.incident


def test_the_same_was_again_is_the_same_incident() -> None:
    state, stored = a_device_with_memory(5)
    stale = ask(state, stored[1], b"after the restore")
    taken = ask(stale.state, stale.turn, b"with was", was=stored[1])
    retried = ask(taken.state, stale.turn, b"with was", was=stored[1])
    assert retried.current
    assert not retried.incident
    restarted = ask(retried.state, stored[1], b"the agent forgot the stale turn")
    again = ask(restarted.state, restarted.turn, b"with was again", was=stored[1])
    assert again.current
    assert not again.incident


def test_showing_the_same_turn_without_was_does_not_end_an_incident() -> None:
    state, stored = a_device_with_memory(5)
    stale = ask(state, stored[1], b"after the restore")
    taken = ask(stale.state, stale.turn, b"with was", was=stored[1])
    without = ask(taken.state, stale.turn, b"without was")
    assert without.current
    assert not ask(without.state, stale.turn, b"with was again", was=stored[1]).incident


def test_the_same_was_after_another_turn_is_another_incident() -> None:
    state, stored = a_device_with_memory(5)
    for round_ in (b"1", b"2"):
        stale = ask(state, stored[1], b"restored " + round_)
        taken = ask(stale.state, stale.turn, b"with was " + round_, was=stored[1])
        assert taken.incident
        state = ask(taken.state, taken.turn, b"healthy " + round_).state


def test_another_was_is_another_incident() -> None:
    state, stored = a_device_with_memory(5)
    first, second = (
        ask(state, stored[1], b"restored"),
        ask(ask(state, stored[1], b"restored").state, stored[2], b"the other"),
    )
    taken = ask(second.state, second.turn, b"with was", was=stored[2])
    assert taken.incident
    assert not ask(taken.state, first.turn, b"too late", was=stored[1]).current
    shown_again = ask(taken.state, second.turn, b"another memory", was=stored[1])
    assert shown_again.current
    assert shown_again.incident


def test_a_turn_of_a_stale_answer_is_good_only_with_was() -> None:
    state, stored = a_device_with_memory(3)
    stale = ask(state, stored[0], b"restored")
    assert not ask(stale.state, stale.turn, b"without").current
    assert ask(stale.state, stale.turn, b"with", was=stored[0]).current


def test_was_alone_opens_nothing() -> None:
    state, stored = a_device_with_memory(3)
    assert not ask(state, stored[0], b"replayed", was=stored[0]).current


def test_the_newest_turns_are_kept_and_the_oldest_dropped() -> None:
    state, given = TurnState(), []
    for number in range(TURNS_GIVEN_MAX + 1):
        answer = ask(state, NO_TURN, b"%d" % number)
        state = answer.state
        given.append(answer.turn)
    assert state.given == tuple(given[1:])
    assert not ask(state, given[0], b"the oldest").current
    assert ask(state, given[1], b"the oldest kept").current


def test_the_newest_stale_turns_are_kept_and_the_oldest_dropped() -> None:
    state, stored = a_device_with_memory(3)
    stale = []
    for number in range(TURNS_STALE_MAX + 1):
        answer = ask(state, stored[0], b"stale %d" % number)
        state = answer.state
        stale.append(answer.turn)
    assert state.stale_given == tuple(stale[1:])
    assert not ask(state, stale[0], b"too old", was=stored[0]).current
    assert ask(state, stale[1], b"kept", was=stored[0]).current


def test_after_a_restore_of_the_province_any_turn_is_good_until_a_new_one_is_shown() -> None:
    _, stored = a_device_with_memory(5)
    restored = any_once(TurnState(shown=stored[1]))
    answer = ask(restored, stored[5], b"first contact")
    assert (answer.current, answer.incident) == (True, False)
    heard = ask(answer.state, answer.turn, b"it has heard this province")
    assert (heard.current, heard.incident) == (True, False)
    assert not ask(heard.state, stored[4], b"an older one").current


def test_a_restore_of_the_province_forgives_a_was_too() -> None:
    _, stored = a_device_with_memory(5)
    answer = ask(
        any_once(TurnState(shown=stored[1])), b"unknown!", b"of a stale answer", was=stored[5]
    )
    assert answer.current
    assert not answer.incident


@pytest.mark.parametrize("late", range(5))
def test_late_messages_do_not_use_up_what_a_restore_of_the_province_forgives(late: int) -> None:
    _, stored = a_device_with_memory(5)
    restored = any_once(TurnState(shown=stored[1], given=(stored[2],)))
    first = ask(restored, stored[late], b"late, of a turn it knew or had forgotten")
    device = ask(first.state, stored[5], b"the device itself")
    again = ask(device.state, stored[late], b"late once more, before the answer is heard")
    heard = ask(again.state, device.turn, b"the device has heard")
    assert all(each.current and not each.incident for each in (first, device, again, heard))
    assert not ask(heard.state, stored[late], b"too late").current


def test_two_boxes_are_told_apart_after_a_restore_of_the_province() -> None:
    _, stored = a_device_with_memory(5)
    one = ask(any_once(TurnState(shown=stored[1])), stored[5], b"one box")
    other = ask(one.state, stored[4], b"another with its key")
    assert other.current
    heard = ask(other.state, one.turn, b"the one has heard")
    assert heard.current
    stale = ask(heard.state, other.turn, b"the other has heard too")
    assert not stale.current
    assert ask(stale.state, stale.turn, b"it mends", was=other.turn).incident


def test_a_device_stores_only_turns_that_were_not_stale() -> None:
    device = ShownTurn().answered(b"turn one", stale=False)
    assert (device.turn, device.was) == (b"turn one", None)
    device = device.answered(b"turn two", stale=True)
    assert (device.turn, device.was) == (b"turn two", b"turn one")
    device = device.answered(b"turn 003", stale=True)
    assert (device.turn, device.was) == (b"turn 003", b"turn one")
    assert device.answered(b"turn 004", stale=False) == ShownTurn(b"turn 004")


class Simulation:
    """A device and a server over a line that loses messages, answers and order."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.state = TurnState()
        self.late: list[tuple[bytes, bytes | None, bytes]] = []
        self.incidents = 0

    def serve(self, turn: bytes, was: bytes | None, request: bytes) -> TurnJudgement:
        answer = ask(self.state, turn, request, was)
        self.state = answer.state
        self.incidents += answer.incident
        return answer

    def exchange(self, device: ShownTurn) -> ShownTurn:
        """Try until an answer arrives; now and then an old message arrives before."""
        while True:
            request = self.rng.randbytes(16)
            self.late.append((device.turn, device.was, request))
            if self.rng.random() < 0.3:
                self.serve(*self.rng.choice(self.late))
            if self.rng.random() < 0.3:
                continue
            answer = self.serve(device.turn, device.was, request)
            if self.rng.random() < 0.3:
                continue
            return device.answered(answer.turn, stale=not answer.current)


def memories(simulation: Simulation, device: ShownTurn, exchanges: int) -> Iterator[ShownTurn]:
    for _ in range(exchanges):
        device = simulation.exchange(device)
        yield device


@pytest.mark.parametrize("seed", range(20))
def test_a_healthy_device_never_causes_an_incident(seed: int) -> None:
    simulation = Simulation(seed)
    for device in memories(simulation, ShownTurn(), 40):
        assert device.was is None
    assert simulation.incidents == 0


@pytest.mark.parametrize("seed", range(20))
def test_a_restored_device_causes_exactly_one(seed: int) -> None:
    simulation = Simulation(seed)
    before = list(memories(simulation, ShownTurn(), 20))
    backup = ShownTurn(before[simulation.rng.randrange(18)].stored)
    after = list(memories(simulation, backup, 20))
    assert simulation.incidents == 1
    assert after[-1].was is None


@pytest.mark.parametrize("seed", range(20))
def test_two_that_share_one_memory_cause_a_second_incident_when_both_have_spoken_twice(
    seed: int,
) -> None:
    simulation = Simulation(seed)
    *_, device = memories(simulation, ShownTurn(), 5)
    pair = [device, device]
    for _ in range(3):
        pair = [list(memories(simulation, each, 3))[-1] for each in pair]
    assert simulation.incidents >= 2


states = st.builds(
    TurnState,
    some_turns,
    st.lists(some_turns, max_size=4).map(tuple),
    st.lists(some_turns, max_size=4).map(tuple),
    st.none() | some_turns,
    st.booleans(),
)


@given(states)
@settings(max_examples=40)
def test_a_state_survives_the_database(state: TurnState) -> None:
    assert turns.decode_state(turns.encode_state(state)) == state


def test_other_bytes_are_no_state() -> None:
    with pytest.raises(Malformed, match=r"member-missing: turns\.shown"):
        turns.decode_state(b"\xa0")
