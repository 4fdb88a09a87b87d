"""Sessions idle out, end, and never show their token."""

import itertools

from agent.web.limits import SESSION_AGE_S_MAX, SESSION_IDLE_S, SESSIONS_MAX
from agent.web.sessions import Sessions, csrf_matches

MINUTE = 60_000


def sessions() -> Sessions:
    counter = itertools.count()
    return Sessions(lambda n: next(counter).to_bytes(n, "big"))


def test_a_token_finds_its_session() -> None:
    opened = sessions()
    token, session = opened.open("lan.nt", "clerk", "Lan", 0)
    assert opened.find(token, 1) is not None
    assert opened.find(token + "0", 1) is None
    assert (session.user, session.role, session.display) == ("lan.nt", "clerk", "Lan")


def test_ten_idle_minutes_lock_the_counter() -> None:
    opened = sessions()
    token, _ = opened.open("lan.nt", "clerk", "Lan", 0)
    assert opened.find(token, 9 * MINUTE) is not None
    assert opened.find(token, 18 * MINUTE) is not None
    assert opened.find(token, 18 * MINUTE + SESSION_IDLE_S * 1000) is None
    assert opened.find(token, 18 * MINUTE) is None, "a locked session does not come back"


def test_what_a_page_fetches_by_itself_does_not_keep_it_awake() -> None:
    opened = sessions()
    token, _ = opened.open("lan.nt", "clerk", "Lan", 0)
    for minute in range(10):
        assert opened.find(token, minute * MINUTE, use=False) is not None
    assert opened.find(token, 10 * MINUTE, use=False) is None


def test_a_shift_ends_however_busy() -> None:
    opened = sessions()
    token, _ = opened.open("lan.nt", "clerk", "Lan", 0)
    for now in range(0, SESSION_AGE_S_MAX * 1000, 5 * MINUTE):
        assert opened.find(token, now) is not None
    assert opened.find(token, SESSION_AGE_S_MAX * 1000) is None


def test_signing_out_ends_one_session_and_disabling_ends_all_of_a_user() -> None:
    opened = sessions()
    first, _ = opened.open("lan.nt", "clerk", "Lan", 0)
    second, _ = opened.open("lan.nt", "clerk", "Lan", 0)
    other, _ = opened.open("minh.tv", "clerk", "Minh", 0)
    opened.close(first)
    assert opened.find(first, 1) is None
    assert opened.find(second, 1) is not None
    opened.close_user("lan.nt")
    assert opened.find(second, 1) is None
    assert opened.find(other, 1) is not None


def test_the_session_idle_longest_makes_way() -> None:
    opened = sessions()
    oldest, _ = opened.open("lan.nt", "clerk", "Lan", 0)
    used, _ = opened.open("minh.tv", "clerk", "Minh", 0)
    assert opened.find(oldest, 1) is not None
    for _ in range(SESSIONS_MAX - 1):
        opened.open("hoa.tt", "clerk", "Hoa", 2)
    assert opened.find(used, 3) is None
    assert opened.find(oldest, 3) is not None


def test_only_the_hash_of_a_token_is_kept() -> None:
    opened = sessions()
    token, _ = opened.open("lan.nt", "clerk", "Lan", 0)
    assert token not in repr(vars(opened))
    assert bytes.fromhex(token) not in list(opened._open)


def test_a_csrf_token_is_compared_whole() -> None:
    opened = sessions()
    _, session = opened.open("lan.nt", "clerk", "Lan", 0)
    assert csrf_matches(session, session.csrf)
    assert not csrf_matches(session, None)
    assert not csrf_matches(session, session.csrf[:-1])
    assert not csrf_matches(session, "không phải ascii")
