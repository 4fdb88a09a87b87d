"""What must hold for the sync engine whatever happens, searched for by Hypothesis."""

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.sync.engine import TRANSITIONS, Engine
from agent.sync.faults import FAULTS, Fault
from agent.sync.pacing import Load
from agent.sync.retry import Delays
from agent.sync.signals import (
    Abandon,
    Answered,
    Appended,
    BackingOff,
    Due,
    Effect,
    Enrolled,
    Exchanging,
    Failed,
    Idle,
    Input,
    NetworkUp,
    NotEnrolled,
    Probe,
    Send,
    Silence,
    Stopped,
    SyncNow,
    WaitUntil,
)

OF_ANSWERS = [
    f
    for f in FAULTS
    if f.holds or f.code in ("device-revoked", "province-moved", "receipt-stuck", "device-restored")
]
OF_THE_LINE = [f for f in FAULTS if f not in OF_ANSWERS]
LOADS = st.builds(
    Load,
    plain_bytes=st.integers(0, 4 << 20),
    packed_bytes=st.integers(0, 1 << 20),
    up_bytes=st.integers(0, 2 << 20),
    down_bytes=st.integers(0, 2 << 20),
    took_ms=st.integers(0, 600_000),
)


class SyncEngine(RuleBasedStateMachine):
    """A world around the engine: a clock, one open request, a probe that is on or off."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine(Delays(Random(0)))
        self.now_ms = 0
        self.deadline_ms: int | None = None
        self.open: int | None = None
        self.probing = False
        self.told_down = False

    def feed(self, signal: Input) -> tuple[Effect, ...]:
        before = self.engine.state
        effects = self.engine.handle(signal, self.now_ms)
        row = TRANSITIONS.get((type(before), type(signal)))
        if row is None:
            assert self.engine.state == before
            assert effects == ()
        else:
            assert type(self.engine.state) in row[1]
        for effect in effects:
            self.obey(effect)
        return effects

    def obey(self, effect: Effect) -> None:
        match effect:
            case Send(request, batch):
                assert self.open is None, "two requests open at once"
                assert 0 < batch.packed_bytes <= 1 << 20
                assert 0 < batch.plain_bytes < 4 << 20
                self.open = request
            case Abandon(request):
                assert request == self.open
                assert self.probing, "abandoned without a look at the line"
            case WaitUntil(at_ms):
                self.deadline_ms = at_ms
            case Probe(on, down):
                assert (on, down) != (self.probing, self.told_down)
                assert on or self.probing
                self.probing, self.told_down = on, on and down

    @precondition(lambda self: isinstance(self.engine.state, NotEnrolled))
    @rule(unsent=st.booleans())
    def enrol(self, unsent: bool) -> None:
        self.feed(Enrolled(unsent))

    @rule(signal=st.sampled_from([Appended(), NetworkUp(), SyncNow()]))
    def something_happens(self, signal: Input) -> None:
        self.feed(signal)

    @precondition(lambda self: self.deadline_ms is not None)
    @rule()
    def the_time_comes(self) -> None:
        assert self.deadline_ms is not None
        self.now_ms = max(self.now_ms, self.deadline_ms)
        self.feed(Due())

    @precondition(lambda self: self.open is not None)
    @rule(
        load=LOADS,
        place=st.integers(0, 3),
        unsent=st.booleans(),
        progress=st.booleans(),
        more=st.booleans(),
        fault=st.one_of(st.none(), st.sampled_from(OF_ANSWERS)),
        next_after_s=st.integers(0, 2**53),
    )
    def the_province_answers(
        self,
        load: Load,
        place: int,
        unsent: bool,
        progress: bool,
        more: bool,
        fault: Fault | None,
        next_after_s: int,
    ) -> None:
        assert self.open is not None
        request, self.open = self.open, None
        self.feed(
            Answered(
                request, load, place, unsent, progress, more, fault=fault, next_after_s=next_after_s
            )
        )

    @precondition(lambda self: self.open is not None)
    @rule(
        load=LOADS,
        fault=st.sampled_from(OF_THE_LINE),
        retry_after_s=st.one_of(st.none(), st.integers(0, 2**53)),
    )
    def the_exchange_fails(self, load: Load, fault: Fault, retry_after_s: int | None) -> None:
        assert self.open is not None
        request, self.open = self.open, None
        self.feed(Failed(request, fault, load, retry_after_s))

    @precondition(lambda self: self.open is not None)
    @rule(silent_ms=st.integers(0, 60_000))
    def nothing_is_heard(self, silent_ms: int) -> None:
        assert self.open is not None
        self.now_ms += 500
        self.feed(Silence(self.open, silent_ms))

    @rule(request=st.integers(-5, 0))
    def a_report_about_no_open_request(self, request: int) -> None:
        before = self.engine.state
        self.feed(Failed(request, OF_THE_LINE[0], Load()))
        assert self.engine.state == before

    @invariant()
    def waits_are_bounded_and_named(self) -> None:
        state = self.engine.state
        if isinstance(state, Idle | BackingOff):
            assert self.deadline_ms == state.until_ms
            assert state.until_ms - self.now_ms <= 21_600_000
        else:
            assert self.deadline_ms is None

    @invariant()
    def a_request_is_open_exactly_while_exchanging(self) -> None:
        assert (self.open is not None) == isinstance(self.engine.state, Exchanging)

    @invariant()
    def probing_only_while_something_waits_for_the_line(self) -> None:
        match self.engine.state:
            case Exchanging(quiet=quiet):
                assert self.probing == quiet
            case BackingOff(fault=fault):
                assert self.probing == (self.engine.unsent and fault.reachable is not None)
                assert self.told_down or not self.probing or fault.reachable
            case _:
                assert not self.probing

    @invariant()
    def sync_now_always_leads_to_a_send(self) -> None:
        if isinstance(self.engine.state, NotEnrolled | Stopped | Exchanging):
            return
        assert (type(self.engine.state), SyncNow) in TRANSITIONS
        assert TRANSITIONS[type(self.engine.state), SyncNow][1] == (Exchanging,)


SyncEngine.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestSyncEngine = SyncEngine.TestCase
