"""When a receipt statement is asked for."""

from agent.sync.proving import PAUSE_MS, RENEW_MS, Proving

NOW_MS = 1_000_000_000


def test_one_that_is_young_is_not_asked_for_again() -> None:
    assert not Proving().is_due(NOW_MS - RENEW_MS + 1, NOW_MS, 0)
    assert Proving().is_due(NOW_MS - RENEW_MS, NOW_MS, 0)


def test_none_at_all_and_one_from_the_future_are_reasons_to_ask() -> None:
    assert Proving().is_due(None, NOW_MS, 0)
    assert Proving().is_due(NOW_MS + 1, NOW_MS, 0)


def test_a_province_that_gives_none_is_asked_now_and_then() -> None:
    proving = Proving()
    proving.in_vain(0)
    assert not proving.is_due(None, NOW_MS, PAUSE_MS - 1)
    assert proving.is_due(None, NOW_MS, PAUSE_MS)


def test_who_waits_for_one_has_it_asked_for_at_once_and_hears_of_it() -> None:
    proving = Proving()
    proving.in_vain(0)
    heard = proving.ask()
    assert proving.is_due(NOW_MS, NOW_MS, 0)
    proving.kept()
    assert heard.is_set()
    assert not proving.asked
    assert not proving.ask().is_set()
