"""The engine on a line that is paid by the byte: what it holds back, and what it never does."""

from random import Random

from agent.sync import faults
from agent.sync.engine import COALESCE_MS, Engine
from agent.sync.retry import Delays
from agent.sync.signals import (
    Answered,
    Appended,
    Asking,
    BackingOff,
    Due,
    Enrolled,
    Exchanging,
    Failed,
    Idle,
    NetworkUp,
    SyncNow,
)
from agent.sync.thrift import RARE_MS, Holding
from tests.agent.sync.test_engine import LOAD, sends

HOUR_MS = 3_600_000
SPENT = Holding(why="day-bytes", documents="wait", rarely=True)
QUIET = Holding(why="quiet-hours", documents="wait", quiet_ms=8 * HOUR_MS)


class Thrifty:
    """An engine, and what it holds back at the moment."""

    def __init__(self, held: Holding) -> None:
        self.held = held
        self.engine = Engine(Delays(Random(1)), holding=lambda: self.held)
        self.engine.handle(Enrolled(unsent=False), 0)

    def answer(
        self, now_ms: int, *, unsent: bool = False, pressing: bool = False, more: bool = False
    ) -> bool:
        """Let the open request be answered; return whether another goes at once."""
        state = self.engine.state
        assert isinstance(state, Exchanging)
        answered = Answered(state.request, LOAD, 7, unsent=unsent, pressing=pressing, more=more)
        return sends(self.engine.handle(answered, now_ms))

    def fail(self, now_ms: int) -> None:
        state = self.engine.state
        assert isinstance(state, Exchanging)
        self.engine.handle(Failed(state.request, faults.OFFLINE, LOAD), now_ms)

    def until_ms(self) -> int:
        state = self.engine.state
        assert isinstance(state, Idle | BackingOff)
        return state.until_ms


def test_at_the_cap_ordinary_records_go_once_an_hour() -> None:
    it = Thrifty(SPENT)
    assert not it.answer(1_000)
    it.engine.handle(Appended(), 60_000)
    assert it.until_ms() == RARE_MS
    assert sends(it.engine.handle(Due(), RARE_MS))
    assert not it.answer(RARE_MS + 1_000, unsent=True)
    assert it.until_ms() == 2 * RARE_MS


def test_at_the_cap_a_pressing_record_takes_the_others_along_at_once() -> None:
    it = Thrifty(SPENT)
    it.answer(1_000)
    it.engine.handle(Appended(), 60_000)
    it.engine.handle(Appended(pressing=True), 61_000)
    assert it.until_ms() == 61_000 + COALESCE_MS
    it.engine.handle(Due(), it.until_ms())
    assert it.answer(62_000, unsent=True, pressing=True)
    assert not it.answer(63_000, unsent=True)


def test_at_the_cap_what_an_answer_or_a_person_asks_for_goes() -> None:
    it = Thrifty(SPENT)
    assert it.answer(1_000, more=True)
    assert not it.answer(2_000)
    assert sends(it.engine.handle(SyncNow(), 3_000))


def test_at_the_cap_a_failed_exchange_is_tried_again_within_the_hour_only_for_what_presses() -> (
    None
):
    it = Thrifty(SPENT)
    it.fail(1_000)
    it.engine.handle(Appended(), 2_000)
    assert not sends(it.engine.handle(NetworkUp(), 3_000))
    assert not sends(it.engine.handle(Due(), 4_000))
    it.engine.handle(Appended(pressing=True), 5_000)
    assert sends(it.engine.handle(NetworkUp(), 6_000))


def test_quiet_hours_hold_polls_and_documents_questions_but_no_records() -> None:
    it = Thrifty(QUIET)
    it.answer(1_000)
    before_ms = it.until_ms()
    assert it.engine.handle(Asking(), 2_000) == ()
    assert not sends(it.engine.handle(Due(), before_ms))
    assert it.until_ms() >= before_ms + 8 * HOUR_MS
    it.engine.handle(Appended(), before_ms + 1)
    assert it.until_ms() == before_ms + 1 + COALESCE_MS
    assert sends(it.engine.handle(Due(), it.until_ms()))


def test_in_quiet_hours_who_wants_a_receipt_gets_one() -> None:
    it = Thrifty(QUIET)
    it.answer(1_000)
    assert sends(it.engine.handle(Due(asked=True), 2_000))
