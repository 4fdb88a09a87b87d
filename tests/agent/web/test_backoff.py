"""Wrong PINs make one name wait, and nobody else."""

from agent.web.backoff import LoginBackoff
from agent.web.limits import LOGIN_FREE_TRIES, LOGIN_NAMES_MAX, LOGIN_WAIT_S_MAX


def failed(times: int, backoff: LoginBackoff, name: str = "lan.nt") -> None:
    for _ in range(times):
        backoff.failed(name, 0)


def test_fingers_may_slip() -> None:
    backoff = LoginBackoff()
    failed(LOGIN_FREE_TRIES - 1, backoff)
    assert backoff.wait_s("lan.nt", 0) == 0


def test_waits_double_up_to_a_minute() -> None:
    backoff = LoginBackoff()
    failed(LOGIN_FREE_TRIES - 1, backoff)
    waits = []
    for _ in range(8):
        failed(1, backoff)
        waits.append(backoff.wait_s("lan.nt", 0))
    assert waits == [2, 4, 8, 16, 32, 60, 60, LOGIN_WAIT_S_MAX]


def test_a_wait_passes() -> None:
    backoff = LoginBackoff()
    failed(LOGIN_FREE_TRIES, backoff)
    assert backoff.wait_s("lan.nt", 1_001) == 1
    assert backoff.wait_s("lan.nt", 2_000) == 0


def test_one_name_never_locks_the_counter() -> None:
    backoff = LoginBackoff()
    failed(100, backoff)
    assert backoff.wait_s("minh.tv", 0) == 0


def test_success_forgets() -> None:
    backoff = LoginBackoff()
    failed(100, backoff)
    backoff.succeeded("lan.nt")
    failed(1, backoff)
    assert backoff.wait_s("lan.nt", 0) == 0


def test_made_up_names_do_not_fill_the_memory() -> None:
    backoff = LoginBackoff()
    for number in range(LOGIN_NAMES_MAX * 2):
        backoff.failed(f"name-{number}", 0)
    assert len(backoff._failed) == LOGIN_NAMES_MAX
