"""What the sync engine does about an open request that hears nothing; no I/O anywhere."""

from agent.sync import faults
from agent.sync.engine import QUIET_MS, Engine
from agent.sync.signals import Abandon, Exchanging, Idle, NetworkUp, Probe, Silence
from tests.agent.sync.test_engine import answered, engine, failed, request, sends


def silence(it: Engine, silent_ms: int) -> Silence:
    return Silence(request(it), silent_ms)


def test_an_exchange_that_falls_silent_has_the_line_looked_at_until_it_is_heard_again() -> None:
    it = engine()
    assert it.handle(silence(it, QUIET_MS - 1), 4_000) == ()
    assert it.handle(silence(it, QUIET_MS), 4_500) == (Probe(on=True, down=False),)
    assert it.handle(silence(it, QUIET_MS + 500), 5_000) == ()
    assert it.handle(silence(it, 100), 5_500) == (Probe(on=False),)


def test_a_silent_exchange_is_abandoned_when_the_line_returns_and_then_sent_anew() -> None:
    it = engine(unsent=True)
    first = request(it)
    it.handle(silence(it, QUIET_MS), 5_000)
    assert it.handle(NetworkUp(), 9_000) == (Abandon(first), Probe(on=False))
    assert sends(it.handle(failed(it, faults.CUT), 9_010))
    assert request(it) == first + 1


def test_an_answer_that_comes_after_a_silence_ends_the_look_at_the_line() -> None:
    it = engine()
    it.handle(silence(it, QUIET_MS), 5_000)
    assert Probe(on=False) in it.handle(answered(it), 6_000)


def test_a_probe_beside_a_silent_exchange_learns_that_no_connection_could_be_made() -> None:
    it = engine(unsent=True)
    it.handle(silence(it, QUIET_MS), 5_000)
    assert Probe(on=True, down=True) in it.handle(failed(it, faults.OFFLINE), 10_000)


def test_an_answer_that_was_there_before_its_request_was_abandoned_counts() -> None:
    it = engine(unsent=True)
    it.handle(silence(it, QUIET_MS), 5_000)
    it.handle(NetworkUp(), 9_000)
    assert not sends(it.handle(answered(it), 9_010))
    assert isinstance(it.state, Idle)


def test_an_exchange_that_is_alive_is_left_alone_when_the_network_changes() -> None:
    it = engine(unsent=True)
    assert it.handle(NetworkUp(), 5_000) == ()
    assert it.handle(silence(it, 500), 6_000) == ()
    assert it.handle(silence(it, QUIET_MS), 9_000) == (Probe(on=True, down=False),)


def test_an_exchange_not_heard_since_the_network_changed_goes_anew_with_the_first_connect() -> None:
    it = engine(unsent=True)
    it.handle(NetworkUp(), 5_000)
    assert it.handle(silence(it, QUIET_MS), 7_500) == (Probe(on=True, down=True),)


def test_a_late_word_about_an_earlier_requests_silence_changes_nothing() -> None:
    it = engine(unsent=True)
    assert it.handle(Silence(request(it) - 1, 60_000), 60_000) == ()
    assert isinstance(it.state, Exchanging)
    assert not it.state.quiet
